"""The frame of a shard's batches: header and keys, the same for an epoch and a date."""

from quota.batch import Header
from quota.keys import changes_channel, keys
from quota.shard_state import dates_around
from quota.timing import Timing

SECONDS_A_DAY = 86_400


class Frame:
    """What every batch carries until the date or the epoch changes."""

    def __init__(self, shard: int, epoch: str, timing: Timing, now_s: float) -> None:
        dates = dates_around(now_s)
        self.header = Header(
            epoch,
            timing.lease_ms,
            timing.grace_ms,
            timing.late_window_ms,
            timing.retention_ms,
            timing.reserve_ms,
            timing.low_water_ms,
            timing.min_start_ms,
            timing.max_outbox,
            dates,
            changes_channel(shard),
        )
        self._keys = keys(shard)
        self._from_s = now_s // SECONDS_A_DAY * SECONDS_A_DAY
        self._prefixes: dict[str, bytes] = {}

    def fits(self, epoch: str, now_s: float) -> bool:
        """Whether it is of this epoch and date, also when the clock was set back."""
        same_date = self._from_s <= now_s < self._from_s + SECONDS_A_DAY
        return same_date and self.header.epoch == epoch

    def command(self, function: str, packed: bytes) -> bytes:
        """The bytes of one FCALL (RESP bulk strings); all but the batch stays the same."""
        prefix = self._prefixes.get(function)
        if prefix is None:
            words = ("FCALL", function, str(len(self._keys)), *self._keys)
            bulks = b"".join(b"$%d\r\n%b\r\n" % (len(word), word.encode()) for word in words)
            prefix = self._prefixes[function] = b"*%d\r\n%b" % (len(words) + 1, bulks)
        return b"%b$%d\r\n%b\r\n" % (prefix, len(packed), packed)
