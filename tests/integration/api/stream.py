"""A Session stream as tests play its client: operations out, results by id, pushes as they come."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc

from server.background.ending import end_tasks
from tollgate.v1 import call_authorization_pb2 as pb
from tollgate.v1.call_authorization_pb2_grpc import CallAuthorizationServiceStub

PATIENCE_S = 10.0

Request = pb.AuthorizeRequest | pb.ChargeRequest | pb.SettleRequest
_KINDS = {pb.AuthorizeRequest: "authorize", pb.ChargeRequest: "charge", pb.SettleRequest: "settle"}


def operation(operation_id: int, request: Request) -> pb.Operation:
    """One operation of a message."""
    built = pb.Operation(id=operation_id)
    getattr(built, _KINDS[type(request)]).CopyFrom(request)
    return built


class Stream:
    """An open stream. `messages` holds all that came, in order."""

    def __init__(self, call: Any) -> None:
        self.call = call
        self.messages: list[pb.SessionResponse] = []
        self.results: list[pb.OperationResult] = []
        self.pushes: list[pb.Push] = []
        self._ids = itertools.count(1)
        self._news = asyncio.Event()
        self._reading = asyncio.ensure_future(self._read())

    async def _read(self) -> None:
        try:
            while (message := await self.call.read()) is not grpc.aio.EOF:
                self.messages.append(message)
                self.results += message.results
                self.pushes += message.pushes
                self._news.set()
        finally:
            self._news.set()

    async def send(self, *requests: Request) -> list[int]:
        """Sends one message; returns the ids of its operations."""
        ids = [next(self._ids) for _ in requests]
        operations = [operation(i, request) for i, request in zip(ids, requests, strict=True)]
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
                assert not self._reading.done(), f"the stream ended: {await self.call.code()}"
                self._news.clear()
                await self._news.wait()

    async def end(self) -> grpc.StatusCode:
        """The status that the stream ends with."""
        async with asyncio.timeout(PATIENCE_S):
            code: grpc.StatusCode = await self.call.code()
        return code

    async def close(self) -> None:
        """Leaves, however far the stream has come."""
        self.call.cancel()
        await end_tasks([self._reading])


@asynccontextmanager
async def stream(channel: grpc.aio.Channel, api_key: str) -> AsyncIterator[Stream]:
    """Opens a stream under a key."""
    stub: Any = CallAuthorizationServiceStub(channel)
    opened = Stream(stub.Session(metadata=(("authorization", f"Bearer {api_key}"),)))
    try:
        yield opened
    finally:
        await opened.close()
