"""The transport of a simulated gateway: one stream of the client library for all its calls."""

import time
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, Self, TypeVar

from server.simulator.exchange import Away, Wrong
from server.simulator.library import NotAnswered, OperationFailed, Place, Questions
from tollgate.v1 import call_authorization_pb2 as pb

Reply = TypeVar("Reply")
Took = Callable[[str, float], None]


class StreamExchange:
    """Asks over one stream, as a block; `took` is told each question's name and seconds.

    `failed` is told the status of each question that was not answered.
    """

    def __init__(self, server: str, key: str, took: Took, failed: Callable[[str], None]) -> None:
        self._questions = Questions(Place(server, key))
        self._took, self._failed = took, failed

    async def __aenter__(self) -> Self:
        await self._questions.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._questions.__aexit__(kind, error, trace)

    async def authorize(self, request: pb.AuthorizeRequest) -> pb.AuthorizeResponse:
        """May the call start, or go on?"""
        return await self._ask("Authorize", self._questions.authorize, request)

    async def charge(self, request: pb.ChargeRequest) -> pb.ChargeResponse:
        """Reports usage."""
        return await self._ask("Charge", self._questions.charge, request)

    async def settle(self, request: pb.SettleRequest) -> pb.SettleResponse:
        """Closes the call."""
        return await self._ask("Settle", self._questions.settle, request)

    async def _ask(
        self, name: str, ask: Callable[[Any], Awaitable[Reply]], request: object
    ) -> Reply:
        begun = time.monotonic()
        try:
            reply = await ask(request)
        except NotAnswered as error:
            self._failed(error.status.name if error.status else "DEADLINE_EXCEEDED")
            raise Away(f"{name}: {error}") from error
        except OperationFailed as error:
            self._failed(error.code.name)
            raise Wrong(f"{name}: {error}") from error
        self._took(name, time.monotonic() - begun)
        return reply
