"""When a notification that did not get through is tried again; a pure module."""

from datetime import datetime, timedelta

FIRST_PAUSE = timedelta(seconds=10)
LONGEST_PAUSE = timedelta(hours=1)
GIVE_UP_AFTER = timedelta(days=1)
# A pause is up to this part shorter or longer, so that what failed together does not return so.
JITTER = 0.25


def next_attempt(
    attempts: int, queued_at: datetime, now: datetime, chance: float
) -> datetime | None:
    """The time of the next attempt after `attempts` of them; None when it is given up.

    Pauses double up to an hour. `chance` is from 0 to 1. The last attempt is a day after queueing.
    """
    end = queued_at + GIVE_UP_AFTER
    if now >= end:
        return None
    doublings = min(attempts - 1, 30)
    pause = min(FIRST_PAUSE * (1 << doublings), LONGEST_PAUSE)
    return min(now + pause * (1 + JITTER * (2 * chance - 1)), end)
