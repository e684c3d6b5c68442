"""Roubles: conversion rounded once, VAT, figures, and amounts in words read back."""

from decimal import ROUND_HALF_UP, Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ledger.documents.roubles import (
    KOPECK,
    MAX_KOPECKS,
    ROUBLE,
    figures,
    in_words,
    kopecks_at,
    number_in_words,
    vat_within,
)

BILLIONS = "девятьсот девяносто девять"


@pytest.mark.parametrize(
    ("kopecks", "words"),
    [
        (1, "Ноль рублей 01 копейка"),
        (2, "Ноль рублей 02 копейки"),
        (5, "Ноль рублей 05 копеек"),
        (11, "Ноль рублей 11 копеек"),
        (21, "Ноль рублей 21 копейка"),
        (100, "Один рубль 00 копеек"),
        (2_00, "Два рубля 00 копеек"),
        (5_00, "Пять рублей 00 копеек"),
        (11_00, "Одиннадцать рублей 00 копеек"),
        (12_14, "Двенадцать рублей 14 копеек"),
        (21_22, "Двадцать один рубль 22 копейки"),
        (40_00, "Сорок рублей 00 копеек"),
        (90_00, "Девяносто рублей 00 копеек"),
        (100_00, "Сто рублей 00 копеек"),
        (111_11, "Сто одиннадцать рублей 11 копеек"),
        (200_00, "Двести рублей 00 копеек"),
        (1_000_00, "Одна тысяча рублей 00 копеек"),
        (2_002_02, "Две тысячи два рубля 02 копейки"),
        (5_000_00, "Пять тысяч рублей 00 копеек"),
        (11_000_00, "Одиннадцать тысяч рублей 00 копеек"),
        (21_001_01, "Двадцать одна тысяча один рубль 01 копейка"),
        (142_000_00, "Сто сорок две тысячи рублей 00 копеек"),
        (1_000_000_00, "Один миллион рублей 00 копеек"),
        (2_000_001_00, "Два миллиона один рубль 00 копеек"),
        (1_001_001_001_00, "Один миллиард один миллион одна тысяча один рубль 00 копеек"),
        (22_000_000_000_00, "Двадцать два миллиарда рублей 00 копеек"),
        (5_245_98, "Пять тысяч двести сорок пять рублей 98 копеек"),
        (
            MAX_KOPECKS,
            f"Девятьсот девяносто девять миллиардов {BILLIONS} миллионов {BILLIONS} тысяч "
            f"{BILLIONS} рублей 99 копеек",
        ),
    ],
)
def test_amounts_are_spelt_with_the_right_gender_and_number(kopecks: int, words: str) -> None:
    assert in_words(kopecks) == words


@pytest.mark.parametrize("kopecks", [-1, MAX_KOPECKS + 1])
def test_what_cannot_be_spelt_is_a_bug(kopecks: int) -> None:
    with pytest.raises(AssertionError):
        in_words(kopecks)


VALUES = {
    "ноль": 0, "один": 1, "одна": 1, "два": 2, "две": 2, "три": 3, "четыре": 4, "пять": 5,
    "шесть": 6, "семь": 7, "восемь": 8, "девять": 9, "десять": 10, "одиннадцать": 11,
    "двенадцать": 12, "тринадцать": 13, "четырнадцать": 14, "пятнадцать": 15, "шестнадцать": 16,
    "семнадцать": 17, "восемнадцать": 18, "девятнадцать": 19, "двадцать": 20, "тридцать": 30,
    "сорок": 40, "пятьдесят": 50, "шестьдесят": 60, "семьдесят": 70, "восемьдесят": 80,
    "девяносто": 90, "сто": 100, "двести": 200, "триста": 300, "четыреста": 400, "пятьсот": 500,
    "шестьсот": 600, "семьсот": 700, "восемьсот": 800, "девятьсот": 900,
}  # fmt: skip
SCALES = {"тысяч": 10**3, "миллион": 10**6, "миллиард": 10**9}


def read(words: str) -> int:
    """The number that Russian words stand for."""
    total = group = 0
    for word in words.split():
        if word in VALUES:
            group += VALUES[word]
            continue
        (scale,) = {SCALES[stem] for stem in SCALES if word.rstrip("аиов") == stem}
        total, group = total + group * scale, 0
    return total + group


@given(st.integers(0, 10**12 - 1), st.booleans())
@example(10**12 - 1, True)
@example(10**9, False)
def test_a_number_in_words_reads_back_as_itself(number: int, feminine: bool) -> None:
    assert read(number_in_words(number, feminine=feminine)) == number


def test_a_feminine_noun_changes_the_last_one_and_two() -> None:
    assert number_in_words(1, feminine=True) == "одна"
    assert number_in_words(22, feminine=True) == "двадцать две"
    assert number_in_words(1_012, feminine=True) == "одна тысяча двенадцать"


@pytest.mark.parametrize("number", range(200))
def test_a_counted_noun_follows_the_last_two_digits(number: int) -> None:
    teen, units = 11 <= number % 100 <= 14, number % 10
    place = 2 if teen or units in (0, 5, 6, 7, 8, 9) else 0 if units == 1 else 1
    assert ROUBLE.counted(number) == ("рубль", "рубля", "рублей")[place]
    assert KOPECK.counted(number) == ("копейка", "копейки", "копеек")[place]


@pytest.mark.parametrize(
    ("micros", "rate", "kopecks"),
    [
        (57_500_000, "91.2345", 524_598),  # 5245.98375
        (57_500_000, "1", 5_750),
        (1_000_000, "91.235", 9_124),  # half up
        (1_000_000, "91.23499999", 9_123),
        (1, "50", 0),  # 0.005 kopecks
        (100, "50", 1),  # exactly half a kopeck
        (99, "50", 0),
        (10**15, "100", 10**13),
    ],
)
def test_micros_at_a_rate_are_rounded_once_half_up(micros: int, rate: str, kopecks: int) -> None:
    assert kopecks_at(micros, Decimal(rate)) == kopecks


@given(st.integers(0, 10**15), st.decimals("0.00000001", 1_000_000, places=8))
def test_conversion_is_that_of_exact_decimals(micros: int, rate: Decimal) -> None:
    exact = Decimal(micros) * rate / 10_000
    assert kopecks_at(micros, rate) == int(exact.quantize(Decimal(1), ROUND_HALF_UP))


@pytest.mark.parametrize(
    ("amount", "percent", "vat"),
    [(12_000, 20, 2_000), (1_500_000, 20, 250_000), (100, 20, 17), (122, 22, 22), (1, 10, 0),
     (11, 10, 1), (3, 20, 1), (2, 20, 0)],
)  # fmt: skip
def test_vat_is_the_part_that_the_amount_includes(amount: int, percent: int, vat: int) -> None:
    assert vat_within(amount, percent) == vat


@pytest.mark.parametrize(
    ("kopecks", "text"),
    [(1, "0,01"), (100, "1,00"), (1_500_000, "15 000,00"), (123_456_789_05, "123 456 789,05")],
)
def test_figures_have_a_comma_and_spaces_that_do_not_break(kopecks: int, text: str) -> None:
    assert figures(kopecks) == text.replace(" ", "\u00a0")
