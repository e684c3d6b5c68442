"""Directories for stores under test, and the clearing of those that a killed run left."""

import asyncio
import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from server.embedded import EmbeddedPostgres, EmbeddedValkey

PREFIX = "tollgate-test-"


@contextmanager
def scratch_dir() -> Iterator[Path]:
    """An empty directory with a short path that every user can walk through."""
    path = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-", dir="/tmp"))
    path.chmod(0o711)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def clear_leftovers() -> None:
    """Stop and remove the stores of test processes that are gone."""
    for path in Path("/tmp").glob(f"{PREFIX}*"):
        owner = path.name.removeprefix(PREFIX).partition("-")[0]
        if owner.isdigit() and not Path(f"/proc/{owner}").exists():
            with contextlib.suppress(OSError):
                asyncio.run(_stop_stores(path))
                shutil.rmtree(path, ignore_errors=True)


async def _stop_stores(path: Path) -> None:
    for mark in path.rglob("*.pid"):
        store = EmbeddedValkey if mark.name == "valkey.pid" else EmbeddedPostgres
        if mark.name in ("valkey.pid", "postgres.pid"):
            await store(mark.parent).stop_former()
