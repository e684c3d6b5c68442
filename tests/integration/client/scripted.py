"""A gRPC server that plays the Session contract by a script, for cuts at exact places.

It keeps each call's highest usage and what it settled, so that a test can see what a real service
would have in its books.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import grpc
from google.rpc import status_pb2

from tollgate.v1 import call_authorization_pb2 as pb
from tollgate.v1 import common_pb2
from tollgate.v1.call_authorization_pb2_grpc import (
    CallAuthorizationServiceServicer,
    add_CallAuthorizationServiceServicer_to_server,
)


class Script(CallAuthorizationServiceServicer):
    """Answers well; a test changes what it wants to go wrong."""

    def __init__(self) -> None:
        self.address = ""
        self.operations: list[pb.Operation] = []
        self.messages = self.streams = self.ended = 0
        self.cut_before = self.cut_after = -1  # at the message of this number, from 0
        self.errors: list[tuple[str, int]] = []  # what operations of a kind fail with, once each
        self.refuse_streams = grpc.StatusCode.OK
        self.trailers: tuple[tuple[str, str | bytes], ...] = ()  # of streams that it refuses
        self.opened: list[float] = []  # when streams were, by the monotonic clock
        self.valid_for_ms, self.directive = 60_000, pb.DIRECTIVE_CONTINUE
        self.posts = True  # else a settle stays ACCEPTED
        self.answers = True
        self.usage: dict[str, dict[str, int]] = {}
        self.settled: dict[str, bytes] = {}
        self.contexts: list[Any] = []
        self._cut = asyncio.Event()

    def asked(self, kind: str) -> list[Any]:
        """The requests of a kind, in order."""
        found = [each for each in self.operations if each.WhichOneof("request") == kind]
        return [getattr(each, kind) for each in found]

    async def Session(self, requests: Any, context: Any) -> None:  # type: ignore[override]
        """One stream."""
        self.streams += 1
        self.opened.append(time.monotonic())
        if self.refuse_streams is not grpc.StatusCode.OK:
            await context.abort(self.refuse_streams, "no", self.trailers)
        self.contexts.append(context)
        self._cut.clear()
        try:
            await self._serve(requests, context)
        finally:
            self.ended += 1

    async def _serve(self, requests: Any, context: Any) -> None:
        async for request in self._until_cut(requests):
            number, self.messages = self.messages, self.messages + 1
            if number == self.cut_before:
                await context.abort(grpc.StatusCode.UNAVAILABLE, "cut")
            results = [self._answer(operation) for operation in request.operations]
            if number == self.cut_after:
                await context.abort(grpc.StatusCode.UNAVAILABLE, "cut")
            if self.answers:
                await context.write(pb.SessionResponse(results=results))

    def cut(self) -> None:
        """Ends the newest stream."""
        self._cut.set()

    async def _until_cut(self, requests: Any) -> AsyncIterator[pb.SessionRequest]:
        cut = asyncio.ensure_future(self._cut.wait())
        try:
            while True:
                coming = asyncio.ensure_future(anext(requests, None))
                await asyncio.wait({cut, coming}, return_when=asyncio.FIRST_COMPLETED)
                request = coming.result() if coming.done() else None
                if request is None:
                    return
                yield request
        finally:
            cut.cancel()
            coming.cancel()

    async def push(self, directive: pb.Directive.ValueType, call_id: str = "") -> None:
        """Pushes on the newest stream."""
        tenant_id = "t" if call_id else ""
        push = pb.Push(tenant_id=tenant_id, call_id=call_id, directive=directive)
        await self.contexts[-1].write(pb.SessionResponse(pushes=[push]))

    def _answer(self, operation: pb.Operation) -> pb.OperationResult:
        self.operations.append(operation)
        kind = operation.WhichOneof("request") or ""
        result = pb.OperationResult(id=operation.id)
        for place, (of, code) in enumerate(self.errors):
            if of == kind:
                del self.errors[place]
                result.error.CopyFrom(status_pb2.Status(code=code, message="by script"))
                return result
        getattr(self, f"_{kind}")(getattr(operation, kind), result)
        return result

    def _grant(self) -> pb.Grant:
        return pb.Grant(reserved_micros=1, seconds_left=60, valid_for_ms=self.valid_for_ms)

    def _authorize(self, request: pb.AuthorizeRequest, result: pb.OperationResult) -> None:
        known = self.usage.get(request.call_id)
        if known is None:
            self.usage[request.call_id] = dict(request.usage.quantities)
        reply = result.authorize
        reply.decision, reply.directive = pb.DECISION_ACCEPTED, pb.DIRECTIVE_CONTINUE
        reply.usage.quantities.update(known or {})
        reply.grant.CopyFrom(self._grant())

    def _charge(self, request: pb.ChargeRequest, result: pb.OperationResult) -> None:
        known = self.usage[request.call_id]
        for meter, quantity in request.usage.quantities.items():
            known[meter] = max(quantity, known.get(meter, 0))
        result.charge.directive = self.directive
        result.charge.grant.CopyFrom(self._grant())

    def _settle(self, request: pb.SettleRequest, result: pb.OperationResult) -> None:
        content = request.SerializeToString(deterministic=True)
        assert self.settled.setdefault(request.call_id, content) == content, "not a repeat"
        self.usage[request.call_id] = dict(request.usage.quantities)
        result.settle.settlement = (
            common_pb2.SETTLEMENT_POSTED if self.posts else common_pb2.SETTLEMENT_ACCEPTED
        )

    async def post(self) -> None:
        """Tells the newest stream that its last settle is POSTED."""
        settles = [each for each in self.operations if each.HasField("settle")]
        result = pb.OperationResult(id=settles[-1].id)
        result.settle.settlement = common_pb2.SETTLEMENT_POSTED
        await self.contexts[-1].write(pb.SessionResponse(results=[result]))


@asynccontextmanager
async def playing(address: str = "127.0.0.1:0") -> AsyncIterator[Script]:
    """A script that is served."""
    script, server = Script(), grpc.aio.server()  # type: ignore[abstract]
    add_CallAuthorizationServiceServicer_to_server(script, server)
    script.address = f"127.0.0.1:{server.add_insecure_port(address)}"
    await server.start()
    try:
        yield script
    finally:
        await server.stop(0)


async def until(holds: Callable[[], object], patience_s: float = 10.0) -> None:
    """Waits until something holds."""
    async with asyncio.timeout(patience_s):
        while not holds():  # noqa: ASYNC110
            await asyncio.sleep(0.005)
