"""The time zones to choose from."""

from collections.abc import Sequence
from zoneinfo import available_timezones

# Those without a continent are old names, and Etc holds offsets.
ZONES: Sequence[str] = sorted(
    zone
    for zone in available_timezones()
    if zone == "UTC" or ("/" in zone and not zone.startswith(("Etc/", "posix/", "right/", "US/")))
)
