"""Numbers as people type them."""

import pytest

from server.console.typed import Typed, length, money, paid, shown_length, shown_money, whole


@pytest.mark.parametrize(
    ("text", "language", "micros"),
    [
        ("12.50", "en", 12_500_000),
        ("12,50", "en", 12_500_000),
        ("12,50", "ru", 12_500_000),
        ("1 250,00", "ru", 1_250_000_000),
        ("1\u00a0250", "ru", 1_250_000_000),
        ("1,250", "en", 1_250_000_000),
        ("1,250,000.5", "en", 1_250_000_500_000),
        ("1,250", "ru", 1_250_000),
        ("0,125", "en", 125_000),
        ("0.000001", "en", 1),
        ("0", "en", 0),
        ("5.1000000", "en", 5_100_000),
    ],
)
def test_an_amount_becomes_exact_micros(text: str, language: str, micros: int) -> None:
    assert money(text, language) == Typed(micros)


@pytest.mark.parametrize("text", ["", "  ", "\u00a0"])
def test_nothing_is_no_amount_and_no_problem(text: str) -> None:
    assert money(text, "en") == Typed(None)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("abc", "NOT_A_NUMBER"),
        ("-1", "NOT_A_NUMBER"),
        ("1e3", "NOT_A_NUMBER"),
        ("1.2.3", "NOT_A_NUMBER"),
        ("nan", "NOT_A_NUMBER"),
        ("١٢", "NOT_A_NUMBER"),
        ("1" * 14, "NOT_A_NUMBER"),
        ("0.0000001", "TOO_MANY_DECIMALS"),
    ],
)
def test_what_is_no_amount_is_told_why(text: str, reason: str) -> None:
    assert money(text, "en") == Typed(None, reason)


def test_an_amount_that_is_paid_has_the_currencys_decimals() -> None:
    assert paid("12.5", "en", "RUB") == Typed(1_250)
    assert paid("12", "en", "JPY") == Typed(12)
    assert paid("12.5", "en", "JPY") == Typed(None, "NOT_WHOLE")
    assert paid("12.505", "en", "USD") == Typed(None, "TOO_MANY_DECIMALS")


def test_a_whole_number_counts_units() -> None:
    assert whole("90", "en", 60_000) == Typed(5_400_000)
    assert whole("1.5", "en") == Typed(None, "NOT_WHOLE")
    assert whole("", "en") == Typed(None)


@pytest.mark.parametrize("micros", [0, 1, 10, 12_500_000, 10**12, 999_999])
def test_what_a_field_shows_is_read_again_as_it_was(micros: int) -> None:
    for language in ("ru", "en"):
        assert money(shown_money(micros), language) == Typed(micros)


@pytest.mark.parametrize(
    ("text", "ms"), [("30", 1_800_000), ("1:30", 90_000), ("0:01", 1_000), ("0:01,5", 1_500)]
)
def test_a_length_is_in_minutes_and_seconds(text: str, ms: int) -> None:
    assert length(text) == Typed(ms)
    assert length(shown_length(ms)) == Typed(ms)


@pytest.mark.parametrize("text", ["1:60", "1:5", "-1", "1h", "1.5", "9" * 9])
def test_what_is_no_length_is_told(text: str) -> None:
    assert length(text) == Typed(None, "NOT_A_LENGTH")
