"""What is installed elsewhere holds all that the console sends to browsers."""

import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_wheel_holds_templates_texts_and_assets(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True, timeout=50)
    (wheel,) = tmp_path.glob("*.whl")
    console = ROOT / "server" / "console"
    needed = {
        path.relative_to(ROOT).as_posix()
        for path in console.rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    assert needed
    assert needed <= set(zipfile.ZipFile(wheel).namelist())
