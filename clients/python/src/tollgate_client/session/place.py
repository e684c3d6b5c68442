"""Where the service is, and how to open a connection to it."""

from dataclasses import dataclass, field

import grpc

# The service permits a ping every five seconds. A dead peer is noticed within fifteen.
OPTIONS: list[tuple[str, int]] = [
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    # Or gRPC waits a minute for a ping's answer, whatever the line before says.
    ("grpc.http2.ping_timeout_ms", 5_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
    # Every stream has a connection of its own: the next one may lead to another server.
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.enable_retries", 0),
    # Also the longest that one attempt to connect may take.
    ("grpc.min_reconnect_backoff_ms", 5_000),
    ("grpc.max_receive_message_length", 16 * 1024 * 1024),
]


@dataclass(frozen=True, slots=True)
class Place:
    """The service's address and key; without `credentials` the connection is in plain text."""

    target: str
    key: str = field(repr=False)
    credentials: grpc.ChannelCredentials | None = None

    def open(self) -> grpc.aio.Channel:
        """A channel that shares its connection with no other."""
        if self.credentials is None:
            return grpc.aio.insecure_channel(self.target, options=OPTIONS)
        return grpc.aio.secure_channel(self.target, self.credentials, options=OPTIONS)

    @property
    def metadata(self) -> tuple[tuple[str, str], ...]:
        """What every stream is opened with."""
        return (("authorization", f"Bearer {self.key}"),)
