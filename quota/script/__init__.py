"""The batch script: its Lua parts, joined in the order of their names."""

from functools import cache
from importlib.resources import files


def _parts() -> str:
    folder = files(__name__)
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".lua"))
    return "\n".join((folder / name).read_text("utf-8") for name in names)


@cache
def source(allow_oom: bool = False) -> str:
    """The script's text. With `allow_oom` it runs when the store's memory is full."""
    shebang = "#!lua flags=allow-oom" if allow_oom else "#!lua"
    return f"{shebang}\n{_parts()}"
