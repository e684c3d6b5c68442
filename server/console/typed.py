"""What people type, made exact: amounts of money and other numbers, never by a float."""

import re
from typing import NamedTuple

from ledger.payments.rate import minor_digits

MICRO_DIGITS = 6
# Groups of thousands as people of any language part them; a comma parts them in English alone.
_BLANKS = str.maketrans("", "", " \u00a0\u202f'’_")
_GROUPED = re.compile(r"[1-9][0-9]{0,2}(?:,[0-9]{3})+(?:\.[0-9]+)?")
_LENGTH = re.compile(r"([0-9]{1,8})(?::([0-5][0-9])(?:[.,]([0-9]{1,3}))?)?")
_DECIMAL = re.compile(r"([0-9]{1,13})(?:[.,]([0-9]{1,9}))?")


class Typed(NamedTuple):
    """A number in its smallest unit, None for an empty field; `problem` is the reason in the texts
    of fields when it cannot be read.
    """

    value: int | None
    problem: str = ""


def whole(text: str, language: str, unit: int = 1) -> Typed:
    """A whole number of so many smallest units each."""
    typed = scaled(text, language, 0)
    return typed if typed.value is None else Typed(typed.value * unit)


def money(text: str, language: str) -> Typed:
    """Micros of an amount such as "12.50", "12,50" or "1 250"."""
    return scaled(text, language, MICRO_DIGITS)


def paid(text: str, language: str, currency: str) -> Typed:
    """Minor units of an amount of a currency."""
    return scaled(text, language, minor_digits(currency))


def length(text: str) -> Typed:
    """Milliseconds of minutes, or of minutes and seconds: "30", "1:30"."""
    text = text.translate(_BLANKS)
    if not text:
        return Typed(None)
    found = _LENGTH.fullmatch(text) if text.isascii() else None
    if found is None:
        return Typed(None, "NOT_A_LENGTH")
    seconds = int(found[1]) * 60 + int(found[2] or 0)
    return Typed(seconds * 1_000 + int((found[3] or "").ljust(3, "0")))


def scaled(text: str, language: str, digits: int) -> Typed:
    """The number times 10 to the power of `digits`, which is as many decimals as it may have."""
    text = text.translate(_BLANKS)
    if not text:
        return Typed(None)
    if language == "en" and _GROUPED.fullmatch(text):
        text = text.replace(",", "")
    found = _DECIMAL.fullmatch(text) if text.isascii() else None
    if found is None:
        return Typed(None, "NOT_A_NUMBER")
    fraction = (found[2] or "").rstrip("0")
    if len(fraction) > digits:
        return Typed(None, "TOO_MANY_DECIMALS" if digits else "NOT_WHOLE")
    return Typed(int(found[1] + fraction.ljust(digits, "0")))


def shown_money(micros: int) -> str:
    """Micros as a field shows them, with two decimals at least: "12.50"; read again by `money`."""
    whole_units, rest = divmod(micros, 10**MICRO_DIGITS)
    fraction = f"{rest:06d}".rstrip("0").ljust(2, "0")
    return f"{whole_units}.{fraction}"


def shown_length(ms: int) -> str:
    """Milliseconds as a field shows them: "30", "1:30"; read again by `length`."""
    seconds, rest = divmod(ms, 1_000)
    minutes, seconds = divmod(seconds, 60)
    if not (seconds or rest):
        return str(minutes)
    return f"{minutes}:{seconds:02d}" + (f".{rest:03d}" if rest else "")
