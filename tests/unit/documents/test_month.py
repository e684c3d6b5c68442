"""Months: their form, their days, and when they end in a zone."""

from datetime import UTC, date, datetime

import pytest

from ledger.documents.month import Month
from ledger.errors import TimeZoneUnknown


@pytest.mark.parametrize(("text", "last"), [("2026-03", 31), ("2024-02", 29), ("2026-12", 31)])
def test_a_month_knows_its_days(text: str, last: int) -> None:
    month = Month.parse(text)
    assert month is not None
    assert str(month) == text
    assert month == Month.of(month.last_day())
    assert month.last_day() == date(month.year, month.number, last)


@pytest.mark.parametrize(
    "text", ["", "2026", "2026-3", "2026-13", "2026-00", "2026-03-01", "٢٠٢٦-03", "1999-12"]
)  # fmt: skip
def test_other_texts_are_no_month(text: str) -> None:
    assert Month.parse(text) is None


@pytest.mark.parametrize(
    ("text", "zone", "start", "end"),
    [
        ("2026-03", "UTC", (2026, 3, 1, 0), (2026, 4, 1, 0)),
        ("2026-03", "Europe/Moscow", (2026, 2, 28, 21), (2026, 3, 31, 21)),
        ("2026-03", "Europe/Berlin", (2026, 2, 28, 23), (2026, 3, 31, 22)),  # summer time begins
        ("2026-01", "Pacific/Kiritimati", (2025, 12, 31, 10), (2026, 1, 31, 10)),
        ("2026-12", "Pacific/Pago_Pago", (2026, 12, 1, 11), (2027, 1, 1, 11)),
    ],
)
def test_a_month_ends_at_midnight_of_its_zone(
    text: str, zone: str, start: tuple[int, int, int, int], end: tuple[int, int, int, int]
) -> None:
    month = Month.parse(text)
    assert month is not None
    expected = (datetime(*start, tzinfo=UTC), datetime(*end, tzinfo=UTC))
    assert month.bounds(zone) == expected


def test_a_zone_must_exist() -> None:
    with pytest.raises(TimeZoneUnknown):
        Month(2026, 3).bounds("Mars/Olympus")
