"""The batch script as a library of Redis functions: its Lua parts, in the order of their names.

A library is compiled once when it is loaded; a plain script would build its functions and tables
anew for every batch, which costs more than deciding a small one. Its name holds a digest of its
text, so processes of two releases can work side by side.
"""

from functools import cache
from hashlib import blake2b
from importlib.resources import files
from typing import NamedTuple

_REGISTER = """
redis.register_function{{
  function_name = '{strict}', callback = decide_batch,
}}
redis.register_function{{
  function_name = '{sparing}', callback = decide_batch, flags = {{ 'allow-oom' }},
}}
"""


class Library(NamedTuple):
    """A library's text and its two functions.

    `strict` is refused when the store's memory is full, `sparing` runs even then.
    """

    code: str
    strict: str
    sparing: str


def library_of(parts: str) -> Library:
    """The library that some Lua text makes."""
    name = f"tollgate_{blake2b(parts.encode(), digest_size=8).hexdigest()}"
    strict, sparing = f"{name}_strict", f"{name}_sparing"
    code = f"#!lua name={name}\n{parts}" + _REGISTER.format(strict=strict, sparing=sparing)
    return Library(code, strict, sparing)


def parts() -> str:
    """The text of all parts."""
    folder = files(__name__)
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".lua"))
    return "\n".join((folder / name).read_text("utf-8") for name in names)


@cache
def library() -> Library:
    """The product's library."""
    return library_of(parts())
