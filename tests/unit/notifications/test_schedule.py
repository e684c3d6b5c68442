"""Back-off: pauses double up to an hour, spread a little, and end after a day."""

from datetime import UTC, datetime, timedelta

import pytest

from server.notifications.schedule import GIVE_UP_AFTER, next_attempt

QUEUED = datetime(2026, 3, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("attempts", "seconds"), [(1, 10), (2, 20), (5, 160), (9, 2560), (10, 3600), (10**6, 3600)]
)
def test_pauses_double_up_to_an_hour(attempts: int, seconds: int) -> None:
    assert next_attempt(attempts, QUEUED, QUEUED, 0.5) == QUEUED + timedelta(seconds=seconds)


def test_chance_makes_a_pause_a_quarter_shorter_or_longer() -> None:
    assert next_attempt(1, QUEUED, QUEUED, 0) == QUEUED + timedelta(seconds=7.5)
    assert next_attempt(1, QUEUED, QUEUED, 1) == QUEUED + timedelta(seconds=12.5)


def test_the_last_attempt_is_a_day_after_queueing() -> None:
    now, attempts = QUEUED, 0
    while True:
        attempts += 1
        due = next_attempt(attempts, QUEUED, now, 0.5)
        if due is None:
            break
        assert due > now
        now = due
    assert now == QUEUED + GIVE_UP_AFTER
    assert 25 < attempts < 40
