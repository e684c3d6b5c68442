"""Secrets that are made once and kept in the state directory, readable by their owner alone."""

import os
import secrets
from collections.abc import Callable
from pathlib import Path

CONSOLE_SECRET_FILE = "console.secret"


def console_secret(state_dir: Path) -> str:
    """What signs the console's cookies; made at the first start."""
    path = state_dir.expanduser().absolute() / CONSOLE_SECRET_FILE
    return kept_secret(path, lambda: secrets.token_hex(32))


def kept_secret(path: Path, make: Callable[[], str]) -> str:
    """The text of a file; the first time it is made and written whole or not at all."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(".new")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(make() + "\n")
        temporary.rename(path)
    return path.read_text().strip()
