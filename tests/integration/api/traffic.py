"""Calls as a careful gateway makes them, whatever happens to the server and its stores."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import grpc

from tests.integration.api.gateway import Gateway
from tests.integration.api.installation import SECOND, eventually
from tollgate.v1 import call_authorization_pb2 as pb
from tollgate.v1 import common_pb2

PATIENCE_S = 30.0
# What a client may be told while something is away; then it asks again. A request that reaches a
# server in the moment in which it stops is CANCELLED by gRPC itself, before any code of ours.
AWAY = {
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.CANCELLED,
}
SECONDS = 20
COST = SECOND * SECONDS


class NotYet(Exception):
    """The answer is not the last one: ask again."""


class Traffic:
    """A gateway that repeats, re-opens what was lost, and settles until POSTED.

    `charged` adds up what the replies to Settle said, `posted` which calls.
    """

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self.charged = 0
        self.posted: set[str] = set()

    async def live(self, call_id: str) -> None:
        """One call of twenty seconds."""
        await _persist(lambda: self.gateway.authorize(call_id))
        for seconds in (5, 10, 15):
            await _persist(partial(self._report, call_id, seconds))
        settled: pb.SettleResponse = await _persist(lambda: self._settle(call_id))
        assert (settled.rated_micros, settled.overrun_micros) == (COST, 0)
        self.charged += settled.charged_micros
        self.posted.add(call_id)

    async def _report(self, call_id: str, seconds: float) -> None:
        reply = await self.gateway.charge(call_id, seconds)
        if reply.directive == pb.DIRECTIVE_REAUTHORIZE:
            await self.gateway.authorize(call_id, seconds=seconds)

    async def _settle(self, call_id: str) -> pb.SettleResponse:
        reply = await self.gateway.settle(call_id, SECONDS)
        if reply.settlement != common_pb2.SETTLEMENT_POSTED:
            raise NotYet
        return reply


async def _persist(ask: Callable[[], Awaitable[Any]]) -> Any:
    result: list[Any] = []

    async def answered() -> bool:
        try:
            result.append(await ask())
        except grpc.aio.AioRpcError as error:
            if error.code() not in AWAY:
                raise
            return False
        except NotYet:
            return False
        return True

    await eventually(answered, PATIENCE_S)
    return result[0]
