"""A tenant's profile: what a process must know to ask the live store on the tenant's behalf."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from quota.operation import NONE, Day

_SEPARATOR = "|"


@dataclass(frozen=True, slots=True)
class Profile:
    """Zone, tariff and currency of a tenant. `zone_starts_ms` is NONE when no change is due."""

    time_zone: str
    next_time_zone: str
    zone_starts_ms: int
    tariff: str
    currency: str

    def pack(self) -> str:
        """The text that the live store keeps beside the account."""
        starts = str(self.zone_starts_ms)
        return _SEPARATOR.join(
            (self.time_zone, self.next_time_zone, starts, self.tariff, self.currency)
        )

    @classmethod
    def unpack(cls, text: str) -> "Profile":
        """The reverse of pack."""
        zone, next_zone, starts, tariff, currency = text.split(_SEPARATOR)
        return cls(zone, next_zone, int(starts), tariff, currency)

    def zone_at(self, now_ms: int) -> ZoneInfo:
        """The zone in which days are counted at a moment."""
        changed = self.zone_starts_ms != NONE and now_ms >= self.zone_starts_ms
        return ZoneInfo(self.next_time_zone if changed else self.time_zone)

    def day_at(self, now_ms: int) -> Day:
        """The running day, its end, and the next day. Days have 23 to 25 hours, or what a zone
        change leaves of them.
        """
        zone = self.zone_at(now_ms)
        today = datetime.fromtimestamp(now_ms / 1000, zone).date()
        tomorrow = today + timedelta(days=1)
        midnight = datetime.combine(tomorrow, datetime.min.time(), zone)
        end_ms = int(midnight.astimezone(UTC).timestamp() * 1000)
        if now_ms < self.zone_starts_ms <= end_ms:
            end_ms = self.zone_starts_ms
            next_zone = ZoneInfo(self.next_time_zone)
            tomorrow = datetime.fromtimestamp(end_ms / 1000, next_zone).date()
        return Day(f"{today:%Y%m%d}", end_ms, f"{tomorrow:%Y%m%d}")
