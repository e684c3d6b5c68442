"""Money as people type and read it."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.money import MAX_MICROS, NotMoney, parse_micros, show, show_cents


@pytest.mark.parametrize(
    ("text", "micros"),
    [
        ("142.50", 142_500_000),
        ("$142.5", 142_500_000),
        ("0.000001", 1),
        ("-0.1", -100_000),
        ("+7", 7_000_000),
        ("0.3", 300_000),
        (" 1 ", 1_000_000),
        ("1000000", MAX_MICROS),
    ],
)
def test_an_amount_is_parsed_exactly(text: str, micros: int) -> None:
    assert parse_micros(text) == micros


@pytest.mark.parametrize(
    "text",
    ["", ".5", "5.", "1e6", "12,50", "1 000", "0.0000001", "nan", "1_0", "٣", "--1", "1000001"],
)
def test_what_is_no_amount_is_refused(text: str) -> None:
    with pytest.raises(NotMoney, match=r"is not an amount|is too much"):
        parse_micros(text)


@pytest.mark.parametrize(
    ("micros", "currency", "text"),
    [
        (142_500_000, "USD", "$142.50"),
        (-1_200_000, "USD", "-$1.20"),
        (45_200, "EUR", "€0.0452"),
        (1, "", "0.000001"),
        (1_234_567_000_000, "RUB", "1,234,567.00 RUB"),
        (0, "USD", "$0.00"),
    ],
)
def test_an_amount_is_shown_with_two_decimals_or_what_it_needs(
    micros: int, currency: str, text: str
) -> None:
    assert show(micros, currency) == text


@given(st.integers(-MAX_MICROS, MAX_MICROS))
def test_what_is_shown_is_what_is_there(micros: int) -> None:
    assert Decimal(show(micros).replace(",", "")) * 1_000_000 == micros
    assert parse_micros(show(micros).replace(",", "")) == micros


@pytest.mark.parametrize(
    ("micros", "text"), [(67_887, "$0.07"), (4_999, "$0.00"), (5_000, "$0.01"), (14_999, "$0.01")]
)
def test_cents_are_rounded_half_up(micros: int, text: str) -> None:
    assert show_cents(micros, "USD") == text
