"""Raw Session streams: bytes out that were made before the clock ran, replies checked cheaply."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import grpc

from benchmarks.rig import messages
from tollgate.v1 import call_authorization_pb2 as pb
from tollgate.v1 import common_pb2

METHOD = f"/{messages.SERVICE}/Session"
# Every error of an operation carries this; looking for it costs less than looking at each result.
ERROR_MARK = b"google.rpc.ErrorInfo"
LOOK_AT_EVERY = 16
REPLY_S = 30.0
OPENING_SIZE = 100
SETTLING_SIZE = 100

Call = tuple[str, str]


class Unserved(Exception):
    """A reply was not what it must be; the message quotes it."""


class Stream:
    """One stream with messages in flight."""

    def __init__(self, call: Any) -> None:
        self._call = call
        self._replies = 0

    async def write(self, message: bytes) -> None:
        """Send a prepared message."""
        await self._call.write(message)

    async def read(self) -> pb.SessionResponse:
        """The next reply. Raises Unserved unless every result in it is good."""
        async with asyncio.timeout(REPLY_S):
            data = await self._call.read()
        if data is grpc.aio.EOF:
            raise Unserved(f"the stream ended: {await self._call.code()}")
        response = pb.SessionResponse.FromString(data)
        if ERROR_MARK in data:
            raise Unserved(str(next(r for r in response.results if r.HasField("error"))))
        self._replies += 1
        if self._replies % LOOK_AT_EVERY == 1:
            _look_at(response)
        return response

    async def carry(self, prepared: Sequence[bytes], size: int, window: int) -> AsyncIterator[int]:
        """Send all messages, `window` of them in flight; yields the number of each reply's
        results until every operation is answered.
        """
        waiting, sent, answered = iter(prepared), 0, 0
        while answered < len(prepared) * size:
            while sent - answered < window * size and (message := next(waiting, None)) is not None:
                await self._call.write(message)
                sent += size
            results = len((await self.read()).results)
            answered += results
            yield results


def _look_at(response: pb.SessionResponse) -> None:
    for result in response.results:
        if result.HasField("charge"):
            good = result.charge.directive == pb.DIRECTIVE_CONTINUE
        elif result.HasField("authorize"):
            good = result.authorize.decision == pb.DECISION_ACCEPTED
        else:
            good = bool(result.settle.settlement)
        if not good:
            raise Unserved(f"a call was not served: {result}")


@asynccontextmanager
async def streams(address: str, key: str, count: int) -> AsyncIterator[list[Stream]]:
    """So many streams, each with a connection of its own."""
    options = [("grpc.use_local_subchannel_pool", 1)]
    async with AsyncExitStack() as stack:
        opened = []
        for _ in range(count):
            channel = grpc.aio.insecure_channel(address, options)
            await stack.enter_async_context(channel)
            call = raw_call(channel, key)
            stack.callback(call.cancel)
            opened.append(Stream(call))
        yield opened


def raw_call(channel: grpc.aio.Channel, key: str) -> Any:
    """A Session stream that takes and gives bytes."""
    method: Any = channel.stream_stream(METHOD)
    return method(metadata=(("authorization", f"Bearer {key}"),))


def names(tenants: Sequence[str], prefix: str, count: int) -> list[Call]:
    """So many calls, dealt out to the tenants in turn."""
    return [(tenants[i % len(tenants)], f"{prefix}-{i:06}") for i in range(count)]


class Reports:
    """The next report of each call in turn, for ever: usage rises from round to round."""

    def __init__(self, calls: Sequence[Call], first_step: int = 1) -> None:
        self._calls, self._position = calls, 0
        self._step, self._usage = first_step, messages.usage(first_step)
        self._ids = itertools.count(1)

    def message(self, size: int) -> bytes:
        """A message of so many reports, packed; operations are numbered from 1 on."""
        return pb.SessionRequest(operations=[self._next() for _ in range(size)]).SerializeToString()

    def _next(self) -> pb.Operation:
        if self._position == len(self._calls):
            self._position, self._step = 0, self._step + 1
            self._usage = messages.usage(self._step)
        tenant_id, call_id = self._calls[self._position]
        self._position += 1
        report = pb.ChargeRequest(
            tenant_id=tenant_id,
            call_id=call_id,
            usage=self._usage,
            elapsed_ms=messages.REPORT_MS * self._step,
        )
        return pb.Operation(id=next(self._ids), charge=report)


async def open_calls(stream: Stream, calls: Sequence[Call]) -> None:
    """Authorize them."""
    await _ask_all(
        stream, [pb.Operation(id=1, authorize=messages.authorize(*call)) for call in calls]
    )


async def settle_calls(stream: Stream, calls: Sequence[Call], step: int) -> None:
    """Settle them with the usage of their report number `step`; their posting is not waited for."""
    await _ask_all(
        stream, [pb.Operation(id=1, settle=messages.settle(*call, step)) for call in calls]
    )


async def report_calls(stream: Stream, calls: Sequence[Call], step: int) -> None:
    """Send their report number `step`."""
    await _ask_all(
        stream, [pb.Operation(id=1, charge=messages.charge(*call, step)) for call in calls]
    )


async def _ask_all(stream: Stream, operations: Sequence[pb.Operation]) -> None:
    for portion in _portions(operations, OPENING_SIZE):
        for number, operation in enumerate(portion, start=1):
            operation.id = number
        await stream.write(pb.SessionRequest(operations=portion).SerializeToString())
        answered = 0
        while answered < len(portion):
            response = await stream.read()
            answered += sum(_is_first(result) for result in response.results)


def _is_first(result: pb.OperationResult) -> bool:
    """Whether it is not the second answer to a settle, which tells of its posting."""
    settle = result.settle if result.HasField("settle") else None
    return settle is None or settle.settlement != common_pb2.SETTLEMENT_POSTED


def _portions(operations: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    for first in range(0, len(operations), size):
        yield operations[first : first + size]
