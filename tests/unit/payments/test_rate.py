"""Exchange rates: exact, with one rounding, up to the minor unit that is paid."""

from datetime import date
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import RateMalformed
from ledger.payments.rate import ITSELF, Rate, minor_digits, pay_minor

DAY = date(2026, 3, 1)


@pytest.mark.parametrize(
    ("text", "credit", "currency", "expected"),
    [
        ("92.4567", 10_000_000, "RUB", 92_457),  # 924.567 roubles
        ("92.5", 10_000_000, "RUB", 92_500),
        ("0.000000001", 1, "RUB", 1),
        ("150", 10_000_000, "JPY", 1_500),
        ("0.3", 10_000_000, "KWD", 3_000),
    ],
)
def test_what_is_paid_covers_what_is_credited(
    text: str, credit: int, currency: str, expected: int
) -> None:
    assert pay_minor(credit, Rate.parse(text, DAY), currency) == expected


def test_a_currency_against_itself_is_rounded_up_alone() -> None:
    assert pay_minor(10_000_000, ITSELF, "USD") == 1_000
    assert pay_minor(10_000_001, ITSELF, "USD") == 1_001


@given(st.integers(1, 10**12), st.integers(1, 10**9), st.integers(0, 9))
def test_less_than_one_minor_unit_is_paid_too_much(credit: int, digits: int, places: int) -> None:
    text = f"{digits // 10**places}.{digits % 10**places:0{places}d}" if places else str(digits)
    rate = Rate.parse(text, DAY)
    exact = Fraction(credit, 10**6) * Fraction(digits, 10**places) * 10 ** minor_digits("RUB")
    assert 0 <= pay_minor(credit, rate, "RUB") - exact < 1
    assert Fraction(str(rate)) == Fraction(text)


@pytest.mark.parametrize(
    "text", ["", "0", "0.0", "-1", "+1", "1e3", "nan", ".5", "5.", "1,5", " 1", "1" * 10, "٩"]
)
def test_what_is_no_rate_is_refused(text: str) -> None:
    with pytest.raises(RateMalformed):
        Rate.parse(text, DAY)
