"""What a simulated gateway asks: three questions, and what to make of their failures."""

from typing import Protocol

import grpc

from tollgate.v1 import call_authorization_pb2 as pb

# A server that was restarted is found again within half a second.
CHANNEL_OPTIONS: list[tuple[str, int]] = [
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 500),
    ("grpc.enable_retries", 0),
]

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
