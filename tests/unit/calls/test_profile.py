"""The tenant's day: 23, 24 and 25 hours, and what a zone change leaves of it."""

from datetime import UTC, datetime

import pytest

from quota.operation import NONE, Day
from server.calls.profile import Profile

HOUR_MS = 3_600_000


def ms(text: str) -> int:
    """A moment given in UTC, in ms."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


def profile(zone: str, next_zone: str = "", starts: int = NONE) -> Profile:
    """A tenant in a zone, with a change to another where one is given."""
    return Profile(zone, next_zone, starts, "standard", "USD")


@pytest.mark.parametrize(
    ("zone", "now", "day", "end", "next_day"),
    [
        ("UTC", "2026-11-23T00:00:00", "20261123", "2026-11-24T00:00:00", "20261124"),
        ("Europe/Moscow", "2026-11-23T22:00:00", "20261124", "2026-11-24T21:00:00", "20261125"),
        ("America/New_York", "2026-11-23T03:00:00", "20261122", "2026-11-23T05:00:00", "20261123"),
        (
            "Pacific/Kiritimati",
            "2026-11-23T11:00:00",
            "20261124",
            "2026-11-24T10:00:00",
            "20261125",
        ),
        ("Pacific/Pago_Pago", "2026-11-23T10:00:00", "20261122", "2026-11-23T11:00:00", "20261123"),
        ("Asia/Kathmandu", "2026-11-23T18:15:00", "20261124", "2026-11-24T18:15:00", "20261125"),
    ],
)
def test_the_day_is_that_of_the_tenants_zone(
    zone: str, now: str, day: str, end: str, next_day: str
) -> None:
    assert profile(zone).day_at(ms(now)) == Day(day, ms(end), next_day)


@pytest.mark.parametrize(
    ("zone", "begins", "hours"),
    [
        ("Europe/Berlin", "2026-03-28T23:00:00", 23),
        ("Europe/Berlin", "2026-10-24T22:00:00", 25),
        ("America/New_York", "2026-03-08T05:00:00", 23),
        ("America/New_York", "2026-11-01T04:00:00", 25),
        # Clocks go forward at midnight: the day begins at one o'clock.
        ("America/Santiago", "2026-09-06T04:00:00", 23),
        # Half an hour.
        ("Australia/Lord_Howe", "2026-10-03T13:30:00", 23.5),
    ],
)
def test_days_of_23_and_25_hours_are_counted_whole(zone: str, begins: str, hours: float) -> None:
    begin, kept = ms(begins), profile(zone)
    end = begin + int(hours * HOUR_MS)
    first, last = kept.day_at(begin), kept.day_at(end - 1)
    assert first == last
    assert first.day_end_ms == end
    assert kept.day_at(begin - 1).day_end_ms == begin
    assert kept.day_at(begin - 1).next_day == first.day
    assert kept.day_at(end).day == first.next_day


def test_a_new_zone_takes_over_at_the_next_midnight_of_the_old() -> None:
    starts = ms("2026-11-24T00:00:00")
    moving = profile("UTC", "Asia/Tokyo", starts)
    before = moving.day_at(ms("2026-11-23T20:00:00"))
    assert before == Day("20261123", starts, "20261124")
    # In Tokyo it is nine o'clock of the same date: what is left of the day is 15 hours.
    assert moving.day_at(starts) == Day("20261124", ms("2026-11-24T15:00:00"), "20261125")


def test_a_move_to_the_west_counts_the_rest_of_the_old_date() -> None:
    starts = ms("2026-11-24T00:00:00")
    moving = profile("UTC", "America/New_York", starts)
    assert moving.day_at(ms("2026-11-23T20:00:00")) == Day("20261123", starts, "20261123")
    assert moving.day_at(starts) == Day("20261123", ms("2026-11-24T05:00:00"), "20261124")


def test_a_profile_survives_packing() -> None:
    kept = profile("UTC", "Asia/Tokyo", 5)
    assert Profile.unpack(kept.pack()) == kept
