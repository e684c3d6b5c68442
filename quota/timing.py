"""The durations and bounds that every batch carries to the script."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Timing:
    """All in ms but `max_outbox`; the same in every process of an installation."""

    lease_ms: int = 60_000
    grace_ms: int = 15_000
    late_window_ms: int = 3_600_000
    retention_ms: int = 600_000
    reserve_ms: int = 60_000
    low_water_ms: int = 20_000
    min_start_ms: int = 10_000
    max_outbox: int = 1_000_000
