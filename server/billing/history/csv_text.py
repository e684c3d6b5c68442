"""CSV as people and spreadsheets read it: RFC 4180, numbers and dates by language, no formulas."""

import re
from collections.abc import Iterable
from datetime import date, datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from server.money import MICROS
from tollgate.v1 import history_pb2 as pb

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
ROW_END = "\r\n"
# What a spreadsheet takes for the beginning of a formula, or skips before one.
FORMULA = ("=", "+", "-", "@", "\t", "\r")
_QUOTED = re.compile(r'[",;\r\n]')


class Money(int):
    """Micros."""


class Moment(NamedTuple):
    """A time; None is an empty cell."""

    at: datetime | None


Cell = str | int | Money | Moment | date | None


class Dialect(NamedTuple):
    """How one language writes a row. Times are in the zone."""

    separator: str
    decimal_mark: str
    day_format: str
    zone: ZoneInfo

    def row(self, cells: Iterable[Cell]) -> str:
        """One line with its end."""
        return self.separator.join(map(self._cell, cells)) + ROW_END

    def _cell(self, cell: Cell) -> str:
        if cell is None:
            return ""
        if isinstance(cell, Money):
            # With a decimal comma and commas between the fields it would fall apart.
            return decimal(cell, self.decimal_mark)
        if isinstance(cell, int):
            return str(cell)
        if isinstance(cell, Moment):
            if cell.at is None:
                return ""
            return cell.at.astimezone(self.zone).strftime(f"{self.day_format} %H:%M:%S")
        if isinstance(cell, date):
            return cell.strftime(self.day_format)
        return quoted(harmless(cell))


def dialect_of(language: int, zone: ZoneInfo) -> Dialect:
    """The dialect of a language."""
    if language == pb.LANGUAGE_RUSSIAN:
        return Dialect(";", ",", "%d.%m.%Y", zone)
    return Dialect(",", ".", "%Y-%m-%d", zone)


def harmless(text: str) -> str:
    """The text, made one by an apostrophe where a spreadsheet would compute it."""
    return f"'{text}" if text.startswith(FORMULA) else text


def quoted(text: str) -> str:
    """The text in quotes where it needs them."""
    return '"' + text.replace('"', '""') + '"' if _QUOTED.search(text) else text


def decimal(micros: int, mark: str) -> str:
    """The exact amount as a plain number with at least two decimals."""
    whole, fraction = divmod(abs(micros), MICROS)
    decimals = f"{fraction:06d}".rstrip("0").ljust(2, "0")
    return f"{'-' if micros < 0 else ''}{whole}{mark}{decimals}"
