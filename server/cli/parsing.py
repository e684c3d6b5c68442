"""How amounts, durations and usage are typed on the command line."""

import re
from decimal import Decimal

import click

from server.money import NotMoney, parse_micros

_UNITS_MS = {"h": 3_600_000, "m": 60_000, "s": 1_000, "ms": 1}
_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|h|m|s)")
_PLAIN_SECONDS = re.compile(r"[0-9]+(?:\.[0-9]+)?")


class Amount(click.ParamType[int]):
    """An amount of money, such as 142.50; becomes micros."""

    name = "amount"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        """The micros; fails with what an amount looks like."""
        if isinstance(value, int):
            return value
        try:
            return parse_micros(str(value))
        except NotMoney as error:
            self.fail(str(error), param, ctx)


class Limit(Amount):
    """An amount of at least zero, or "none" to have no such limit; becomes micros or -1."""

    name = "amount|none"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        """The micros, NO_LIMIT for none."""
        if value == "none":
            return NO_LIMIT
        micros = super().convert(value, param, ctx)
        if micros < 0 and micros != NO_LIMIT:
            self.fail(f"{value!r} is below zero", param, ctx)
        return micros


class Duration(click.ParamType[int]):
    """A length of time, such as 90s, 1m30s or 250ms; plain numbers are seconds; becomes ms."""

    name = "duration"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        """The milliseconds; fails with what a duration looks like."""
        if isinstance(value, int):
            return value
        text = str(value)
        milliseconds = parse_ms(text)
        if milliseconds is None:
            self.fail(f"{text!r} is not a duration: write it like 90s, 1m30s or 250ms", param, ctx)
        return milliseconds


NO_LIMIT = -1
AMOUNT, LIMIT, DURATION = Amount(), Limit(), Duration()


def parse_ms(text: str) -> int | None:
    """The milliseconds that "1m30s" stands for; None when it is no duration."""
    if _PLAIN_SECONDS.fullmatch(text):
        text += "s"
    parts = _PART.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        return None
    milliseconds = sum(Decimal(number) * _UNITS_MS[unit] for number, unit in parts)
    return int(milliseconds) if milliseconds == int(milliseconds) else None


def parse_usage(given: list[str]) -> dict[str, int]:
    """Quantities by meter from "meter=quantity" texts. Meters in ms take durations as well."""
    quantities: dict[str, int] = {}
    for text in given:
        meter, equals, quantity = text.partition("=")
        number = int(quantity) if quantity.isascii() and quantity.isdigit() else None
        if number is None and meter.endswith("_ms"):
            number = parse_ms(quantity)
        if not equals or number is None:
            hint = " or a duration, such as stt_ms=90s" if meter.endswith("_ms") else ""
            raise click.BadParameter(
                f"{text!r} is not meter=quantity, such as llm_input_tokens=1200{hint}"
            )
        quantities[meter] = number
    return quantities
