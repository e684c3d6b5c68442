"""Time zones of tenants: which names are taken, and when a tenant's next day begins."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

from ledger.errors import TimeZoneUnknown

# Names of the host's files that are no places.
_NOT_ZONES = frozenset({"Factory", "localtime", "posixrules"})


@lru_cache(maxsize=1)
def _known_zones() -> frozenset[str]:
    return frozenset(available_timezones()) - _NOT_ZONES


def zone(name: str) -> ZoneInfo:
    """The zone of an IANA name; TimeZoneUnknown when there is none."""
    if name not in _known_zones():
        raise TimeZoneUnknown("the time zone is not an IANA name")
    return ZoneInfo(name)


def next_midnight(name: str, at: datetime) -> datetime:
    """When the day of `at` ends in the zone, in UTC.

    Where clocks go forward at midnight, the new day begins at the change: a midnight that does
    not exist is read with the offset before it, which is that moment.
    """
    local = at.astimezone(zone(name))
    midnight = datetime.combine(local.date() + timedelta(days=1), datetime.min.time(), local.tzinfo)
    return midnight.astimezone(UTC)
