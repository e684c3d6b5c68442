"""Money between people and the contract: decimal currency outside, whole micros inside."""

import re

MICROS = 1_000_000
MAX_MICROS = 10**12
_AMOUNT = re.compile(r"([+-]?)([0-9]{1,15})(?:\.([0-9]{1,6}))?")
_SYMBOLS = {"USD": "$", "EUR": "€", "GBP": "£"}


class NotMoney(ValueError):
    """The text is no amount of money; the message says what one looks like."""


def parse_micros(text: str) -> int:
    """The micros that "142.50" or "$142.50" stands for, exactly. Raises NotMoney."""
    found = _AMOUNT.fullmatch(text.strip().removeprefix("$"))
    if found is None:
        raise NotMoney(
            f"{text!r} is not an amount: write it like 142.50, with at most 6 decimals "
            "and without thousands separators"
        )
    sign, whole, fraction = found.groups()
    micros = int(whole) * MICROS + int((fraction or "").ljust(6, "0"))
    if micros > MAX_MICROS:
        raise NotMoney(f"{text!r} is too much: amounts go up to {MAX_MICROS // MICROS}.00")
    return -micros if sign == "-" else micros


def show(micros: int, currency: str = "") -> str:
    """An amount with at least two decimals and no more than it needs, such as "$142.50"."""
    whole, fraction = divmod(abs(micros), MICROS)
    decimals = f"{fraction:06d}".rstrip("0").ljust(2, "0")
    sign, symbol = "-" if micros < 0 else "", _SYMBOLS.get(currency, "")
    code = f" {currency}" if currency and not symbol else ""
    return f"{sign}{symbol}{whole:,}.{decimals}{code}"


def show_cents(micros: int, currency: str = "") -> str:
    """An amount of at least zero rounded half up to two decimals, such as "$0.07"."""
    return show((micros + MICROS // 200) // (MICROS // 100) * (MICROS // 100), currency)
