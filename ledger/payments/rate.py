"""Exchange rates and the amounts they make, exact: integers and ratios, one rounding at the end."""

import re
from datetime import date
from math import gcd
from typing import NamedTuple

from ledger.errors import RateMalformed

MICROS = 10**6
DEFAULT_DIGITS = 2
# ISO 4217: currencies whose smallest unit is not a hundredth.
MINOR_DIGITS = {
    **dict.fromkeys(("CLP", "ISK", "JPY", "KRW", "PYG", "UGX", "VND", "XAF", "XOF", "XPF"), 0),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
}

_DECIMAL = re.compile(r"([0-9]{1,9})(?:\.([0-9]{1,9}))?")


class Rate(NamedTuple):
    """One unit of the base currency costs numerator / denominator units of the other.

    `day` is the day it was set for, None for a currency against itself.
    """

    numerator: int
    denominator: int
    day: date | None = None

    @classmethod
    def parse(cls, text: str, day: date) -> "Rate":
        """The rate that a decimal such as "92.4567" stands for. Raises RateMalformed."""
        found = _DECIMAL.fullmatch(text) if text.isascii() else None
        if found is None or not int(found[1] + (found[2] or "")):
            raise RateMalformed(
                "must be a decimal above zero such as 92.4567, at most nine digits on either side"
            )
        fraction = found[2] or ""
        numerator, denominator = int(found[1] + fraction), 10 ** len(fraction)
        shared = gcd(numerator, denominator)
        return cls(numerator // shared, denominator // shared, day)

    def __str__(self) -> str:
        """The decimal again, without trailing zeros."""
        scaled = self.numerator * 10**9 // self.denominator
        whole, fraction = divmod(scaled, 10**9)
        decimals = f"{fraction:09d}".rstrip("0")
        return f"{whole}.{decimals}" if decimals else str(whole)


ITSELF = Rate(1, 1)


def minor_digits(currency: str) -> int:
    """How many decimals an amount of the currency is paid with."""
    return MINOR_DIGITS.get(currency, DEFAULT_DIGITS)


def pay_minor(credit_micros: int, rate: Rate, pay_currency: str) -> int:
    """What is to be paid for a credit, in minor units of `pay_currency`.

    The one rounding is up to a whole minor unit: what is paid covers what is credited.
    """
    scale: int = 10 ** minor_digits(pay_currency)
    exact = credit_micros * rate.numerator * scale
    return -(-exact // (rate.denominator * MICROS))


def returned_micros(credit_micros: int, pay_minor: int, out_minor: int) -> int:
    """The part of a credit that goes back when `out_minor` of `pay_minor` went back in all.

    It is rounded to the nearest micro, halves up, from the whole each time: parts that add up
    to what was paid take back exactly what was credited.
    """
    return (2 * credit_micros * out_minor + pay_minor) // (2 * pay_minor)
