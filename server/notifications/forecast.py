"""When the money ends if the day goes on as it began; a pure module."""

from datetime import datetime, timedelta

# What was spent in less time, just after midnight, is no pace.
SHORTEST = timedelta(minutes=10)
# Farther away nobody needs to act on it.
FARTHEST = timedelta(days=7)
MICROSECOND = timedelta(microseconds=1)


def money_ends(
    now: datetime, day_began: datetime, spent_micros: int, left_micros: int
) -> datetime | None:
    """When `left_micros` are spent at the pace of today, in which `spent_micros` were; None when
    there is no pace to tell, nothing left, or the end is far away. Both times know their zone.
    """
    elapsed = now - day_began
    if elapsed < SHORTEST or spent_micros <= 0 or left_micros <= 0:
        return None
    left_us = left_micros * (elapsed // MICROSECOND) // spent_micros
    return None if left_us >= FARTHEST // MICROSECOND else now + left_us * MICROSECOND
