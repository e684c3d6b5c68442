"""The guards of the rules page: the starts of a minute, and who counts with whom."""

from fractions import Fraction

from quota.operation import NONE
from tests.oracle.records import Account

MINUTE_MS = 60_000
OUTBOUND = b"2"


def recent_starts(account: Account, now_ms: int) -> Fraction:
    """What of the counted starts is still of the last minute."""
    passed = Fraction(abs(now_ms - account.starts_at_ms), MINUTE_MS)
    return max(Fraction(0), account.starts - passed * account.calls_per_minute)


def starts_wait_ms(account: Account, now_ms: int) -> int:
    """After how many ms a call may start; NONE when it never may."""
    limit = account.calls_per_minute
    if limit == NONE:
        return 0
    if limit == 0:
        return NONE
    over = recent_starts(account, now_ms) + 1 - limit
    return max(0, -(-over * MINUTE_MS // limit))


def count_start(account: Account, now_ms: int) -> None:
    """Counts a call that starts."""
    if account.calls_per_minute != NONE:
        account.starts = recent_starts(account, now_ms) + 1
        account.starts_at_ms = now_ms


def caller_of(parties: bytes) -> str | None:
    """The number that a call counts with: empty when it is not known, None for outbound calls."""
    direction, *rest = parties.split(b"\0")
    if len(rest) < 2 or not direction.isdigit():
        return ""
    return None if direction == OUTBOUND else rest[0].decode()
