"""Named SQL statements: files in which `-- name: <name>` begins each statement, read once."""

import re
from collections.abc import Mapping
from importlib.resources import files
from types import MappingProxyType

_NAME = re.compile(r"^-- name: ([a-z_]+)$", re.MULTILINE)


def statements(file: str) -> Mapping[str, str]:
    """The statements of `<file>.sql` by name."""
    text = files(__name__).joinpath(f"{file}.sql").read_text("utf-8")
    _, *parts = _NAME.split(text)
    names, bodies = parts[::2], parts[1::2]
    assert len(set(names)) == len(names), f"a statement of {file}.sql is named twice"
    return MappingProxyType({name: body.strip() for name, body in zip(names, bodies, strict=True)})
