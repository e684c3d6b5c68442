"""The forecast: when the money ends at today's pace, and when there is nothing to tell."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from server.notifications.forecast import money_ends

MIDNIGHT = datetime(2026, 3, 12, tzinfo=UTC)
NOON = MIDNIGHT + timedelta(hours=12)
DOLLAR = 1_000_000


def test_what_is_left_lasts_as_long_as_the_same_took_today() -> None:
    assert money_ends(NOON, MIDNIGHT, 12 * DOLLAR, 6 * DOLLAR) == NOON + timedelta(hours=6)
    assert money_ends(NOON, MIDNIGHT, 12 * DOLLAR, 24 * DOLLAR) == NOON + timedelta(hours=24)


@pytest.mark.parametrize(
    ("now", "spent", "left"),
    [
        (NOON, 0, DOLLAR),
        (NOON, DOLLAR, 0),
        (NOON, DOLLAR, -1),
        (MIDNIGHT + timedelta(minutes=9), DOLLAR, DOLLAR),
        (MIDNIGHT - timedelta(hours=1), DOLLAR, DOLLAR),
        (NOON, DOLLAR, 14 * DOLLAR),
        (NOON, 1, 10**15),
    ],
)
def test_without_a_pace_or_near_end_nothing_is_told(now: datetime, spent: int, left: int) -> None:
    assert money_ends(now, MIDNIGHT, spent, left) is None


def test_just_within_a_week_is_told() -> None:
    assert money_ends(NOON, MIDNIGHT, DOLLAR, 14 * DOLLAR - 1) is not None


def test_a_day_of_23_hours_is_shorter_by_noon() -> None:
    """Berlin, 29 March 2026: clocks go forward at 2; at noon eleven hours have passed."""
    zone = ZoneInfo("Europe/Berlin")
    began = datetime(2026, 3, 29, tzinfo=zone).astimezone(UTC)
    noon = datetime(2026, 3, 29, 12, tzinfo=zone).astimezone(UTC)
    assert money_ends(noon, began, 11 * DOLLAR, DOLLAR) == noon + timedelta(hours=1)
