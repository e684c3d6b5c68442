"""The transport of a simulated gateway: three questions, and what to make of their failures."""

import time
from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeVar

import grpc

from tollgate.v1 import call_authorization_pb2 as pb
from tollgate.v1.call_authorization_pb2_grpc import CallAuthorizationServiceStub

# A server that was restarted is found again within half a second.
CHANNEL_OPTIONS: list[tuple[str, int]] = [
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 500),
    ("grpc.enable_retries", 0),
]
DEADLINE_S = 5.0

# Asking again with the same ids may help. INTERNAL and UNKNOWN are how a connection that breaks
# within an answer may look.
AWAY = frozenset(
    {
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.UNKNOWN,
        grpc.StatusCode.CANCELLED,
    }
)

Reply = TypeVar("Reply")
Took = Callable[[str, float], None]


class Away(Exception):
    """No answer now: what was asked may or may not have happened. Ask again with the same ids."""


class Wrong(Exception):
    """The request can never be answered; the message is the server's."""


class Exchange(Protocol):
    """What a gateway asks. Raises Away and Wrong."""

    async def authorize(self, request: pb.AuthorizeRequest) -> pb.AuthorizeResponse:
        """May the call start, or go on?"""

    async def charge(self, request: pb.ChargeRequest) -> pb.ChargeResponse:
        """Reports usage."""

    async def settle(self, request: pb.SettleRequest) -> pb.SettleResponse:
        """Closes the call."""


class GrpcExchange:
    """Asks over a gRPC channel; `took` is told each question's name and seconds.

    `failed` is told the status of each question that was not answered.
    """

    def __init__(
        self, channel: grpc.aio.Channel, key: str, took: Took, failed: Callable[[str], None]
    ) -> None:
        self._stub = CallAuthorizationServiceStub(channel)
        self._metadata = (("authorization", f"Bearer {key}"),)
        self._took, self._failed = took, failed

    async def authorize(self, request: pb.AuthorizeRequest) -> pb.AuthorizeResponse:
        """May the call start, or go on?"""
        return await self._ask("Authorize", self._stub.Authorize, request)

    async def charge(self, request: pb.ChargeRequest) -> pb.ChargeResponse:
        """Reports usage."""
        return await self._ask("Charge", self._stub.Charge, request)

    async def settle(self, request: pb.SettleRequest) -> pb.SettleResponse:
        """Closes the call."""
        return await self._ask("Settle", self._stub.Settle, request)

    async def _ask(self, name: str, ask: Callable[..., Awaitable[Reply]], request: Any) -> Reply:
        begun = time.monotonic()
        try:
            reply = await ask(request, metadata=self._metadata, timeout=DEADLINE_S)
        except grpc.aio.AioRpcError as error:
            self._failed(error.code().name)
            kind = Away if error.code() in AWAY else Wrong
            raise kind(f"{name}: {error.code().name}: {error.details()}") from error
        self._took(name, time.monotonic() - begun)
        return reply
