"""Roubles on documents: from micros at a rate, the VAT inside, in figures and in words.

Everything is whole kopecks; each amount is rounded once, half up.
"""

from decimal import Decimal
from typing import NamedTuple

MICROS = 1_000_000
KOPECKS = 100
# What the words reach to: 999 billion roubles.
MAX_KOPECKS = 10**12 * KOPECKS - 1


class Noun(NamedTuple):
    """A counted noun: 1 рубль, 2 рубля, 5 рублей."""

    one: str
    few: str
    many: str
    feminine: bool = False

    def counted(self, number: int) -> str:
        """The form that follows a number."""
        tens, units = number // 10 % 10, number % 10
        if tens == 1 or units == 0 or units >= 5:
            return self.many
        return self.one if units == 1 else self.few


ROUBLE = Noun("рубль", "рубля", "рублей")
KOPECK = Noun("копейка", "копейки", "копеек", feminine=True)
_GROUPS = (
    Noun("миллиард", "миллиарда", "миллиардов"),
    Noun("миллион", "миллиона", "миллионов"),
    Noun("тысяча", "тысячи", "тысяч", feminine=True),
)
_UNITS = (
    "", "один", "два", "три", "четыре", "пять", "шесть", "семь", "восемь", "девять",
    "десять", "одиннадцать", "двенадцать", "тринадцать", "четырнадцать", "пятнадцать",
    "шестнадцать", "семнадцать", "восемнадцать", "девятнадцать",
)  # fmt: skip
_TENS = (
    "", "", "двадцать", "тридцать", "сорок", "пятьдесят", "шестьдесят", "семьдесят",
    "восемьдесят", "девяносто",
)  # fmt: skip
_HUNDREDS = (
    "", "сто", "двести", "триста", "четыреста", "пятьсот", "шестьсот", "семьсот",
    "восемьсот", "девятьсот",
)  # fmt: skip
_FEMININE = {1: "одна", 2: "две"}


def kopecks_at(amount_micros: int, rate: Decimal) -> int:
    """The kopecks that micros of a currency are at `rate` roubles for one unit of it."""
    numerator, denominator = rate.as_integer_ratio()
    return _half_up(amount_micros * numerator * KOPECKS, denominator * MICROS)


def vat_within(amount_kopecks: int, percent: int) -> int:
    """The VAT that an amount includes."""
    return _half_up(amount_kopecks * percent, 100 + percent)


def figures(amount_kopecks: int) -> str:
    """An amount as documents print it: "15 000,00", with spaces that do not break."""
    roubles, kopecks = divmod(amount_kopecks, KOPECKS)
    return f"{roubles:,}".replace(",", "\u00a0") + f",{kopecks:02d}"


def in_words(amount_kopecks: int) -> str:
    """An amount as documents spell it: "Пятнадцать тысяч рублей 00 копеек"."""
    assert 0 <= amount_kopecks <= MAX_KOPECKS, "an amount that cannot be spelt"
    roubles, kopecks = divmod(amount_kopecks, KOPECKS)
    words = f"{number_in_words(roubles)} {ROUBLE.counted(roubles)}"
    words += f" {kopecks:02d} {KOPECK.counted(kopecks)}"
    return words[0].upper() + words[1:]


def number_in_words(number: int, *, feminine: bool = False) -> str:
    """A whole number from 0 to 10**12 − 1 in words; `feminine` as before копейка."""
    if number == 0:
        return "ноль"
    words: list[str] = []
    scale = 10**9
    for noun in _GROUPS:
        group, number = divmod(number, scale)
        if group:
            words += [*_below_thousand(group, noun.feminine), noun.counted(group)]
        scale //= 1_000
    return " ".join([*words, *_below_thousand(number, feminine)])


def _below_thousand(number: int, feminine: bool) -> list[str]:
    hundreds, rest = divmod(number, 100)
    tens, units = (0, rest) if rest < 20 else divmod(rest, 10)
    last = _FEMININE.get(units, _UNITS[units]) if feminine else _UNITS[units]
    return [word for word in (_HUNDREDS[hundreds], _TENS[tens], last) if word]


def _half_up(numerator: int, denominator: int) -> int:
    return (2 * numerator + denominator) // (2 * denominator)
