"""How much is measured: enough for steady medians, or little enough for three minutes."""

from typing import NamedTuple


class Plan(NamedTuple):
    """Bounds in count and time; `limit_s` ends the run whatever happens."""

    name: str
    limit_s: float
    # One question may take no longer, the soak aside.
    question_s: float
    tenants: int
    # Unary: the connections and streams of h2load, and how long one load lasts.
    workers: tuple[int, ...]
    connections: int
    streams: int
    saturation_rounds: int
    saturation_s: float
    # Distinct calls: how many a round has, how often each is charged, how many are in flight.
    distinct_rounds: int
    distinct_calls: int
    charges_per_call: int
    concurrency: int
    # Stream: charges in a message; how many calls; how many may be in flight on each stream.
    stream_rounds: int
    stream_sizes: tuple[int, ...]
    stream_s: float
    packed_s: float
    stream_calls: int
    stream_count: int
    stream_in_flight: int
    # Latency: shares of the saturation, and how long each is held.
    latency_shares: tuple[float, ...]
    latency_s: float
    latency_calls: int
    latency_size: int
    # Drain: calls that wait in the outbox, and how often.
    drain_rounds: int
    drain_calls: int
    # Packed batches: their sizes, and how long one size is driven in a round.
    batch_rounds: int
    batch_sizes: tuple[int, ...]
    batch_s: float
    batch_calls: int
    # Growth: as many calls as tenants; rounds of charges, and batches of authorizes and settles.
    growth_sizes: tuple[int, int]
    growth_rounds: int
    growth_s: float
    growth_batches: int
    # Memory: so many calls of so many tenants.
    memory_calls: int
    memory_tenants: int
    # One hot tenant against so many.
    hot_rounds: int
    hot_tenants: int
    hot_s: float
    # Telemetry off and on. 0 rounds leave it out unless asked for.
    telemetry_rounds: int
    telemetry_s: float
    # The soak: how long, how many calls, on how many streams. 0 s leaves it out unless asked for.
    soak_s: float
    soak_calls: int
    soak_streams: int
    # The profile: how long the worker is watched, and how often a second.
    profile_s: float
    profile_hz: int


FULL = Plan(
    name="full",
    limit_s=3_600,
    question_s=900,
    tenants=50,
    workers=(1, 2),
    connections=4,
    streams=16,
    saturation_rounds=15,
    saturation_s=2.0,
    distinct_rounds=5,
    distinct_calls=2_000,
    charges_per_call=2,
    concurrency=64,
    stream_rounds=7,
    stream_sizes=(1, 10, 100, 200, 500),
    stream_s=2.0,
    packed_s=1.5,
    stream_calls=5_000,
    stream_count=2,
    stream_in_flight=1_000,
    latency_shares=(0.25, 0.5, 0.75),
    latency_s=20.0,
    latency_calls=2_000,
    latency_size=10,
    drain_rounds=3,
    drain_calls=20_000,
    batch_rounds=3,
    batch_sizes=(1, 8, 64, 256),
    batch_s=1.5,
    batch_calls=1_000,
    growth_sizes=(1_000, 1_000_000),
    growth_rounds=15,
    growth_s=1.0,
    growth_batches=20,
    memory_calls=100_000,
    memory_tenants=1_000,
    hot_rounds=5,
    hot_tenants=10_000,
    hot_s=3.0,
    telemetry_rounds=9,
    telemetry_s=2.0,
    soak_s=600.0,
    soak_calls=5_000,
    soak_streams=4,
    profile_s=15.0,
    profile_hz=250,
)
QUICK = FULL._replace(
    name="quick",
    limit_s=600,
    question_s=120,
    saturation_rounds=1,
    saturation_s=1.0,
    distinct_rounds=1,
    distinct_calls=500,
    stream_rounds=1,
    stream_sizes=(1, 10, 100, 200, 500),
    stream_s=0.6,
    packed_s=0.5,
    stream_calls=2_000,
    latency_shares=(0.5,),
    latency_s=1.5,
    latency_calls=500,
    drain_rounds=1,
    drain_calls=4_000,
    batch_rounds=1,
    batch_s=0.5,
    growth_sizes=(1_000, 50_000),
    growth_rounds=1,
    growth_s=0.6,
    growth_batches=20,
    memory_calls=10_000,
    memory_tenants=100,
    hot_rounds=1,
    hot_tenants=500,
    hot_s=0.6,
    telemetry_rounds=0,
    telemetry_s=0.6,
    soak_s=0.0,
    profile_s=6.0,
)
SHORT_SOAK_S, FEW_TELEMETRY_ROUNDS = 30.0, 1
