"""Rows as the arrays that `unnest` takes: one statement for many rows."""

from collections.abc import Iterable, Sequence
from typing import Any


def columns(rows: Iterable[Sequence[Any]]) -> list[list[Any]]:
    """One list per column; there must be at least one row."""
    return [list(column) for column in zip(*rows, strict=True)]
