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
from tests.integration.api.installation import ADMIN_KEY
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
# Called with the last operation's id when a message was sent: cuts the stream.
Fault = Callable[[Stream, int], Any]


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
            ids = await session.send(*step)
            if fault is not None:
                await fault(session, ids[-1])
                raise Cut
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


def address_through(proxy: Proxy) -> str:
    """Where a server is reached by way of a proxy."""
    return urlsplit(proxy.url).netloc
