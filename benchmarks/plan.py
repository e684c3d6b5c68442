"""How much is measured: enough for steady medians, or little enough for a minute."""

from typing import NamedTuple


class Plan(NamedTuple):
    """Bounds in count and time; `limit_s` ends the run whatever happens."""

    name: str
    limit_s: float
    tenants: int
    # Saturation: the connections and streams of h2load, and how long one load lasts.
    connections: int
    streams: int
    saturation_rounds: int
    saturation_s: float
    # Distinct calls: how many a round has, how often each is charged, how many are in flight.
    distinct_rounds: int
    distinct_calls: int
    charges_per_call: int
    concurrency: int
    # Packed batches: their sizes, and how long one size is driven in a round.
    batch_rounds: int
    batch_sizes: tuple[int, ...]
    batch_s: float
    batch_calls: int
    # The profile: how long the worker is watched, and how often a second.
    profile_s: float
    profile_hz: int


FULL = Plan(
    name="full",
    limit_s=600,
    tenants=50,
    connections=4,
    streams=16,
    saturation_rounds=7,
    saturation_s=5.0,
    distinct_rounds=5,
    distinct_calls=2_000,
    charges_per_call=2,
    concurrency=64,
    batch_rounds=3,
    batch_sizes=(1, 8, 64, 256),
    batch_s=1.5,
    batch_calls=1_000,
    profile_s=15.0,
    profile_hz=250,
)
QUICK = FULL._replace(
    name="quick",
    limit_s=180,
    saturation_rounds=3,
    saturation_s=2.0,
    distinct_rounds=2,
    distinct_calls=800,
    batch_rounds=1,
    batch_s=0.8,
    profile_s=6.0,
)
