"""A gateway that loses its stream again and again: it opens another, reports all usage again, and
goes on until every call is POSTED.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any
from urllib.parse import urlsplit

import grpc

from tests.integration.api.gateway import Gateway
from tests.integration.api.installation import ADMIN_KEY, eventually
from tests.integration.api.stream import Stream, stream
from tests.proxy import Proxy
from tollgate.v1 import call_authorization_pb2 as pb
from tollgate.v1 import common_pb2

POSTED = common_pb2.SETTLEMENT_POSTED
MOST_TRIES = 50
# A connection that was cut is opened again at once.
QUICKLY = [
    ("grpc.initial_reconnect_backoff_ms", 20),
    ("grpc.min_reconnect_backoff_ms", 20),
    ("grpc.max_reconnect_backoff_ms", 50),
    ("grpc.use_local_subchannel_pool", 1),
]
Step = Sequence[Any]
# Sends a step's message, and cuts the stream.
Fault = Callable[[Stream, Step], Any]


class Cut(Exception):
    """The stream ended before all was answered."""


class CarefulGateway:
    """Sends steps of many calls; each step is repeated until it is answered whole."""

    def __init__(self, gateway: Gateway, address: str) -> None:
        self.gateway, self._address = gateway, address
        self.streams = 0
        self.charged: dict[str, int] = {}

    async def live(self, steps: Sequence[Step], faults: dict[int, Fault]) -> None:
        """Takes the steps. A fault happens at the step of its number, once."""
        faults = dict(faults)
        done = 0
        for _ in range(MOST_TRIES):
            with suppress(Cut):
                async with self._stream() as session:
                    # What was said last is said again: this stream's server may not know of it.
                    done = max(0, done - 1)
                    while done < len(steps):
                        await self._take(session, steps[done], faults.pop(done, None))
                        done += 1
                    return
        raise AssertionError("the stream is cut whenever it is opened")

    async def _take(self, session: Stream, step: Step, fault: Fault | None) -> None:
        try:
            if fault is not None:
                await fault(session, step)
                raise Cut
            ids = await session.send(*step)
            for operation_id, request in zip(ids, step, strict=True):
                self._note(request, await self._last_answer(session, operation_id, request))
        except AssertionError as error:
            if not session.ended:
                raise
            raise Cut from error
        except (grpc.aio.AioRpcError, asyncio.InvalidStateError) as error:
            raise Cut from error

    async def _last_answer(
        self, session: Stream, operation_id: int, request: Any
    ) -> pb.OperationResult:
        answer = await session.result(operation_id)
        is_settle = isinstance(request, pb.SettleRequest)
        if is_settle and answer.settle.settlement != POSTED:
            return await session.result(operation_id, answer=2)
        return answer

    def _note(self, request: Any, answer: pb.OperationResult) -> None:
        assert not answer.HasField("error"), answer
        assert answer.charge.directive != pb.DIRECTIVE_REAUTHORIZE
        if isinstance(request, pb.SettleRequest):
            self.charged[request.call_id] = answer.settle.charged_micros

    @asynccontextmanager
    async def _stream(self) -> AsyncIterator[Stream]:
        self.streams += 1
        async with (
            grpc.aio.insecure_channel(self._address, options=QUICKLY) as channel,
            stream(channel, ADMIN_KEY) as session,
        ):
            yield session


async def decided(gateway: Gateway, step: Step) -> None:
    """Waits until a message is decided, whoever hears of it."""

    async def is_decided() -> bool:
        return all([await _shows(gateway, request) for request in step])

    await eventually(is_decided)


async def _shows(gateway: Gateway, request: Any) -> bool:
    try:
        call = await gateway.call(request.call_id)
    except grpc.aio.AioRpcError as error:
        if error.code() is grpc.StatusCode.NOT_FOUND:
            return False
        raise
    known, told = (each.usage.quantities.get("telephony_ms", 0) for each in (call, request))
    settled = call.state == common_pb2.CALL_STATE_SETTLED
    return known >= told and (settled or not isinstance(request, pb.SettleRequest))


def address_through(proxy: Proxy) -> str:
    """Where a server is reached by way of a proxy."""
    return urlsplit(proxy.url).netloc
