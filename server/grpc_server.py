"""Builds the gRPC server: limits, keepalive, health, reflection, channelz, and a graceful end."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import grpc
import structlog
from grpc_channelz.v1 import channelz, channelz_pb2_grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection, reflection_pb2_grpc

from server.interceptors.chain import Chain
from server.reflecting import MethodsToo

MAX_MESSAGE_BYTES = 4 * 1024 * 1024
MAX_METADATA_BYTES = 16 * 1024
MAX_CONCURRENT_STREAMS = 2_000
KEEPALIVE_MS = 30_000
KEEPALIVE_TIMEOUT_MS = 10_000
# Below what clients use, or their pings get them cut off.
FASTEST_PING_MS = 5_000
# Old connections take no further requests, so that load spreads over new processes. What runs on
# them may last, or every Session would be cut off.
MAX_CONNECTION_AGE_MS = 3_600_000

# Above a thousand requests that wait for the event loop gRPC itself would answer some with
# CANCELLED, which tells nobody anything; it is for our limiter to shed them.
MAX_PENDING = 100_000

OPTIONS: Sequence[tuple[str, int]] = (
    ("grpc.so_reuseport", 1),
    ("grpc.max_concurrent_streams", MAX_CONCURRENT_STREAMS),
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_metadata_size", MAX_METADATA_BYTES),
    ("grpc.keepalive_time_ms", KEEPALIVE_MS),
    ("grpc.keepalive_timeout_ms", KEEPALIVE_TIMEOUT_MS),
    # Or gRPC waits a minute for a ping's answer, whatever the line before says.
    ("grpc.http2.ping_timeout_ms", KEEPALIVE_TIMEOUT_MS),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_recv_ping_interval_without_data_ms", FASTEST_PING_MS),
    ("grpc.http2.max_ping_strikes", 2),
    ("grpc.server.max_pending_requests", MAX_PENDING),
    ("grpc.server.max_pending_requests_hard_limit", MAX_PENDING),
    ("grpc.max_connection_age_ms", MAX_CONNECTION_AGE_MS),
)

# For the statuses of streams that had to be ended.
LAST_WORDS_S = 1.0

Register = Callable[[Any], None]
Drain = Callable[[float], Awaitable[None]]

log = structlog.get_logger(__name__)


class Service(NamedTuple):
    """A service by its full name, how it is added to a server, and the object with its methods."""

    name: str
    register: Register
    methods: object


@asynccontextmanager
async def grpc_server(
    listen: str,
    services: Sequence[Service],
    chain: Chain,
    *,
    reflected: bool,
    drain: Drain,
    drain_s: float,
) -> AsyncIterator[health.aio.HealthServicer]:
    """Serve until the block ends, then drain.

    Yields the health service: whole and per service it says SERVING from the start. On exit it
    says NOT_SERVING, no new request is taken, and running ones have `drain_s` to finish; `drain`
    is asked to end the streams within that time.
    """
    server = grpc.aio.server(options=OPTIONS)
    healths = health.aio.HealthServicer()
    for service in services:
        service.register(chain)
    health_pb2_grpc.add_HealthServicer_to_server(healths, chain)
    channelz_pb2_grpc.add_ChannelzServicer_to_server(channelz.aio.ChannelzServicer(), chain)
    if reflected:
        names = [service.name for service in services]
        own = [health.SERVICE_NAME, "grpc.channelz.v1.Channelz", reflection.SERVICE_NAME]
        reflection_pb2_grpc.add_ServerReflectionServicer_to_server(
            reflection.aio.ReflectionServicer([*names, *own], MethodsToo()), chain
        )
    server.add_generic_rpc_handlers([chain])
    server.add_insecure_port(listen)
    await server.start()
    for name in ("", *(service.name for service in services)):
        await healths.set(name, health_pb2.HealthCheckResponse.SERVING)
    try:
        yield healths
    finally:
        log.info("draining", drain_s=drain_s)
        await healths.enter_graceful_shutdown()
        stopping = asyncio.create_task(server.stop(drain_s + LAST_WORDS_S))
        await drain(drain_s)
        await stopping
