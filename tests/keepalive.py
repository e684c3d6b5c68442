"""Options of gRPC with which silence is noticed in a second or two instead of half a minute."""

from collections.abc import Sequence

TIMES_SOONER = 20
SILENCE = (
    "grpc.keepalive_time_ms",
    "grpc.keepalive_timeout_ms",
    "grpc.http2.ping_timeout_ms",
)
# Those that measure how fast a connection is would notice, too, when one happens to be under way.
NO_OTHER_PINGS = ("grpc.http2.bdp_probe", 0)


def sooner(options: Sequence[tuple[str, int]]) -> list[tuple[str, int]]:
    """The options as they are, but for how long a peer may be silent; what is unset stays so."""
    chosen = [(name, n // TIMES_SOONER if name in SILENCE else n) for name, n in options]
    return [*chosen, NO_OTHER_PINGS]
