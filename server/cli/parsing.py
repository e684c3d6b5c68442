"""How amounts, durations and usage are typed on the command line."""

import re
from decimal import Decimal

import typer

from server.money import NotMoney, parse_micros

NO_LIMIT = -1

_UNITS_MS = {"h": 3_600_000, "m": 60_000, "s": 1_000, "ms": 1}
_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|h|m|s)")
_PLAIN_SECONDS = re.compile(r"[0-9]+(?:\.[0-9]+)?")


def amount(text: str) -> int:
    """The micros that an amount above zero stands for. Raises typer.BadParameter."""
    micros = _micros(text)
    if micros <= 0:
        raise typer.BadParameter(
            f"{text!r} is not above zero: `credit` adds money and `debit` takes it"
        )
    return micros


def limit(text: str) -> int:
    """The micros that a limit stands for, NO_LIMIT for "none". Raises typer.BadParameter."""
    if text == "none":
        return NO_LIMIT
    micros = _micros(text)
    if micros < 0:
        raise typer.BadParameter(f"{text!r} is below zero")
    return micros


def count(text: str) -> int:
    """A whole number, NO_LIMIT for "none". Raises typer.BadParameter."""
    if text == "none":
        return NO_LIMIT
    if not (text.isascii() and text.isdigit()):
        raise typer.BadParameter(f"{text!r} is neither a whole number nor none")
    return int(text)


def duration(text: str) -> int:
    """The milliseconds that "1m30s" stands for. Raises typer.BadParameter."""
    milliseconds = _milliseconds(text)
    if milliseconds is None:
        raise typer.BadParameter(f"{text!r} is not a duration: write it like 90s, 1m30s or 250ms")
    return milliseconds


def length(text: str) -> int:
    """The milliseconds of a longest call, NO_LIMIT for "none". Raises typer.BadParameter."""
    return NO_LIMIT if text == "none" else duration(text)


def usage(given: list[str]) -> dict[str, int]:
    """Quantities by meter from "meter=quantity" texts; meters in ms take durations as well.

    Raises typer.BadParameter.
    """
    quantities: dict[str, int] = {}
    for text in given:
        meter, equals, quantity = text.partition("=")
        number = int(quantity) if quantity.isascii() and quantity.isdigit() else None
        if number is None and meter.endswith("_ms"):
            number = _milliseconds(quantity)
        if not equals or number is None:
            hint = " or a duration, like stt_ms=90s" if meter.endswith("_ms") else ""
            raise typer.BadParameter(
                f"{text!r} is not meter=quantity, like llm_input_tokens=1200{hint}",
                param_hint="--usage",
            )
        quantities[meter] = number
    return quantities


def _micros(text: str) -> int:
    try:
        return parse_micros(text)
    except NotMoney as error:
        raise typer.BadParameter(str(error)) from None


def _milliseconds(text: str) -> int | None:
    if _PLAIN_SECONDS.fullmatch(text):
        text += "s"
    parts = _PART.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        return None
    milliseconds = sum(Decimal(number) * _UNITS_MS[unit] for number, unit in parts)
    return int(milliseconds) if milliseconds == int(milliseconds) else None
