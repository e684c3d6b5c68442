"""A Session stream as tests play its client: operations out, results by id, pushes as they come."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc

from server.background.ending import end_tasks
from tests.integration.api.client import Told, told
from tests.integration.api.installation import Installation, eventually
from tollgate.v1 import call_authorization_pb2 as pb
from tollgate.v1.call_authorization_pb2_grpc import CallAuthorizationServiceStub

PATIENCE_S = 10.0

Request = pb.AuthorizeRequest | pb.ChargeRequest | pb.SettleRequest
KINDS: dict[type[Any], str] = {
    pb.AuthorizeRequest: "authorize",
    pb.ChargeRequest: "charge",
    pb.SettleRequest: "settle",
}


def operation(operation_id: int, request: Request) -> pb.Operation:
    """One operation of a message."""
    built = pb.Operation(id=operation_id)
    getattr(built, KINDS[type(request)]).CopyFrom(request)
    return built


class Stream:
    """An open stream. `messages` holds all that came, in order.

    One that does not read, as a client that hangs, leaves that to `read_on`.
    """

    def __init__(self, call: Any, reads: bool = True) -> None:
        self.call = call
        self.messages: list[pb.SessionResponse] = []
        self.results: list[pb.OperationResult] = []
        self.pushes: list[pb.Push] = []
        self._ids = itertools.count(1)
        self._news = asyncio.Event()
        self._writing = asyncio.Lock()
        self._reading: asyncio.Task[None] | None = None
        if reads:
            self.read_on()

    @property
    def ended(self) -> bool:
        """Whether nothing comes any more."""
        return self._reading is not None and self._reading.done()

    def read_on(self) -> None:
        """Begins to read."""
        self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        try:
            while (message := await self.call.read()) is not grpc.aio.EOF:
                self.messages.append(message)
                self.results += message.results
                self.pushes += message.pushes
                self._news.set()
        except grpc.aio.AioRpcError:
            pass  # `error` tells what it was
        finally:
            self._news.set()

    async def send(self, *requests: Request) -> list[int]:
        """Sends one message; returns the ids of its operations."""
        ids = [next(self._ids) for _ in requests]
        operations = [operation(i, request) for i, request in zip(ids, requests, strict=True)]
        async with self._writing:
            await self.call.write(pb.SessionRequest(operations=operations))
        return ids

    async def ask(self, *requests: Request) -> list[pb.OperationResult]:
        """Sends one message and waits for the first result of each of its operations."""
        return [await self.result(operation_id) for operation_id in await self.send(*requests)]

    async def result(self, operation_id: int, answer: int = 1) -> pb.OperationResult:
        """The first, or a later, result of an operation."""

        def found() -> list[pb.OperationResult]:
            return [each for each in self.results if each.id == operation_id]

        await self.until(lambda: len(found()) >= answer)
        return found()[answer - 1]

    async def push(self, call_id: str = "") -> int:
        """The directive of the next push to a call, or to the stream; it is taken out."""

        def found() -> list[pb.Push]:
            return [each for each in self.pushes if each.call_id == call_id]

        await self.until(lambda: bool(found()))
        push = found()[0]
        self.pushes.remove(push)
        return push.directive

    async def until(self, holds: Any) -> None:
        """Waits until what came makes a condition true; fails when the stream ends before."""
        async with asyncio.timeout(PATIENCE_S):
            while not holds():
                assert not self.ended, f"the stream ended: {await self.call.code()}"
                self._news.clear()
                await self._news.wait()

    async def end(self) -> grpc.StatusCode:
        """The status that the stream ends with."""
        async with asyncio.timeout(PATIENCE_S):
            code: grpc.StatusCode = await self.call.code()
        return code

    async def error(self) -> grpc.aio.AioRpcError:
        """The error that the stream ends with, as a unary request would raise it."""
        code = await self.end()
        return grpc.aio.AioRpcError(
            code,
            initial_metadata=grpc.aio.Metadata(),
            trailing_metadata=await self.call.trailing_metadata(),
            details=await self.call.details(),
        )

    async def told(self) -> Told:
        """What is told of the stream's end."""
        return told(await self.error())

    async def finish(self) -> grpc.StatusCode:
        """Sends nothing more, and waits until the rest is answered and the stream has ended."""
        await self.call.done_writing()
        code = await self.end()
        if self._reading is not None:
            await asyncio.wait([self._reading])
        return code

    async def close(self) -> None:
        """Leaves, however far the stream has come."""
        self.call.cancel()
        if self._reading is not None:
            await end_tasks([self._reading])


@asynccontextmanager
async def stream(
    channel: grpc.aio.Channel, api_key: str, reads: bool = True
) -> AsyncIterator[Stream]:
    """Opens a stream under a key."""
    stub: Any = CallAuthorizationServiceStub(channel)
    call = stub.Session(metadata=(("authorization", f"Bearer {api_key}"),))
    opened = Stream(call, reads)
    try:
        yield opened
    finally:
        await opened.close()


async def server_side(installation: Installation) -> Any:
    """The server's side of the only stream, once it is open."""

    async def is_open() -> bool:
        return len(installation.parts.sessions) == 1

    await eventually(is_open)
    [session] = installation.parts.sessions._open
    return session


async def gone(installation: Installation) -> None:
    """Waits until the server carries no stream."""

    async def none_is_open() -> bool:
        return not len(installation.parts.sessions)

    await eventually(none_is_open)
