"""The client library by itself: its wheel, in an environment of what it declares and no more."""

import asyncio
import re
import subprocess
import sys
import sysconfig
import venv
import zipfile
from collections.abc import Iterable
from functools import partial
from importlib import metadata
from pathlib import Path

import pytest

from tests.integration.client.scripted import playing
from tollgate_client import Outcome

CLIENT = Path(__file__).parents[2] / "clients" / "python"
USE_S = 30
USE = """
import asyncio, importlib.util, sys

from tollgate_client import Tollgate

for name in ("server", "quota", "ledger", "pytest", "tollgate.v1.billing_pb2"):
    assert importlib.util.find_spec(name) is None, name


async def main():
    async with Tollgate(sys.argv[1], key="tg_x_y") as tollgate:
        async with tollgate.call("t", "c", "m") as call:
            call.answered()
            call.add(tokens=5)
        await call.posted()
    print("posted")


asyncio.run(main())
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel as it is released."""
    place = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(place)]
    subprocess.run(build, cwd=CLIENT, check=True, capture_output=True, timeout=50)
    (built,) = place.glob("*.whl")
    return built


@pytest.fixture
def python(wheel: Path, tmp_path: Path) -> Path:
    """The interpreter of a fresh environment that holds the wheel and what it asks for."""
    venv.create(tmp_path, symlinks=True)
    site = Path(sysconfig.get_path("purelib", "venv", {"base": str(tmp_path)}))
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    (client,) = metadata.distributions(path=[str(site)])
    _install(client.requires or (), site)
    return tmp_path / "bin" / "python"


def _install(requirements: Iterable[str], site: Path) -> None:
    """Links the packages that are installed here, with what they ask for in turn."""
    for requirement in requirements:
        if "extra ==" in requirement:
            continue
        name = re.match(r"[\w.-]+", requirement)
        assert name is not None
        package = metadata.distribution(name[0])
        for file in package.files or ():
            place = site / file
            if ".." not in file.parts and not place.exists():
                place.parent.mkdir(parents=True, exist_ok=True)
                place.symlink_to(file.locate())
        _install(package.requires or (), site)


def test_the_wheel_holds_the_library_and_its_stubs_alone(wheel: Path) -> None:
    source = CLIENT / "src"
    needed = {
        path.relative_to(source).as_posix()
        for path in source.rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    held = set(zipfile.ZipFile(wheel).namelist())
    about = {name for name in held if ".dist-info/" in name}
    assert {"tollgate_client/py.typed", "tollgate/v1/py.typed"} <= needed
    assert held - about == needed
    assert any(name.endswith("/LICENSE") for name in about)


async def test_the_library_carries_a_call_where_nothing_else_is_installed(
    python: Path, tmp_path: Path
) -> None:
    async with playing() as script:
        use = partial(subprocess.run, [python, "-I", "-c", USE, script.address], cwd=tmp_path)
        used = await asyncio.to_thread(use, capture_output=True, text=True, timeout=USE_S)
    assert (used.returncode, used.stdout) == (0, "posted\n"), used.stderr
    (settle,) = script.asked("settle")
    assert (dict(settle.usage.quantities), settle.outcome) == ({"tokens": 5}, Outcome.COMPLETED)
