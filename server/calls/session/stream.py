"""One Session stream: reads messages, writes results and pushes, and ends.

What is read and not yet answered is bounded in messages, and what is answered and not yet read by
the client holds up reading, so memory stays flat whatever a client does.
"""

import asyncio
from collections.abc import Iterable
from typing import Any

import grpc

from server.background.ending import end_tasks
from server.calls.session.operations import Operations
from server.calls.session.outgoing import Outgoing
from server.calls.session.parts import SessionParts
from server.errors import InvalidFields, SlowReader, Violation
from server.interceptors.chain import MALFORMED
from server.interceptors.principal import Principal

MAX_UNANSWERED = 32
MAX_OPERATIONS = 1_000
WRITE_PATIENCE_S = 10.0
LAST_POSTINGS_S = 0.05
# A write that fails says that the client is gone: gRPC is about to cancel the request.
GONE_S = 1.0
FORGET_EVERY_S = 30.0


class Session:
    """Carries one stream from its first message to its last answer."""

    def __init__(self, parts: SessionParts, principal: Principal, context: Any) -> None:
        self._parts, self._context = parts, context
        self._loop = asyncio.get_running_loop()
        self._outgoing = Outgoing()
        self._operations = Operations(parts, principal, self._outgoing)
        self._unanswered = 0
        self._writing = False
        self._written = asyncio.Event()
        self._ended: asyncio.Future[None] = self._loop.create_future()

    async def run(self) -> None:
        """Serves until the client has closed its side and everything is answered.

        Raises Failure when the stream must end for another reason.
        """
        # Before anything else: with headers unsent behind a blocked write, gRPC can send no status.
        await self._context.send_initial_metadata(())
        jobs = (self._read(), self._write(), self._forget())
        tasks = [asyncio.create_task(job) for job in jobs]
        self._parts.sessions.add(self)
        try:
            ends = [self._ended, *tasks]
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            for end in ends:
                if end.done():
                    end.result()
        finally:
            self._parts.sessions.remove(self)
            self._ended.cancel()
            # All is cancelled before the first wait: gRPC may cancel this one in the middle of it.
            await end_tasks([*tasks, *self._operations.close()])
            self._outgoing.clear()

    def carried(self, tenant_id: str) -> Iterable[str]:
        """The calls of a tenant that the stream carries."""
        return self._operations.carried.of(tenant_id)

    def push(self, tenant_id: str, call_id: str, directive: int) -> None:
        """Tells a call that the stream carries what to do; with empty names the whole stream."""
        if not tenant_id or self._operations.carried.holds(tenant_id, call_id):
            self._outgoing.push(tenant_id, call_id, directive)

    def end(self, reason: Exception) -> None:
        """Ends the stream."""
        if not self._ended.done():
            self._ended.set_exception(reason)

    async def _read(self) -> None:
        while True:
            while self._unanswered >= MAX_UNANSWERED:
                await self._next_write()
            request = await self._context.read()
            if request is grpc.aio.EOF:
                break
            _check(request)
            if request.operations:
                self._unanswered += 1
                self._operations.take(request)
        await self._write_the_rest()

    async def _write_the_rest(self) -> None:
        while self._unanswered:
            await self._next_write()
        await self._operations.postings.settle_down(LAST_POSTINGS_S)
        while self._writing or not self._outgoing.empty:
            await self._next_write()

    async def _next_write(self) -> None:
        self._written.clear()
        await self._written.wait()

    async def _write(self) -> None:
        while True:
            parcel = await self._outgoing.take()
            self._writing = True
            try:
                async with asyncio.timeout(WRITE_PATIENCE_S):
                    await self._context.write(parcel.response)
            except TimeoutError as error:
                raise SlowReader from error
            except grpc.aio.BaseError:
                await asyncio.sleep(GONE_S)
                return
            self._writing = False
            self._unanswered -= parcel.answers
            self._written.set()

    async def _forget(self) -> None:
        timing = self._parts.store.timing
        kept_s = (timing.lease_ms + timing.grace_ms) / 1000
        while True:
            await asyncio.sleep(FORGET_EVERY_S)
            self._operations.carried.forget(self._loop.time() - kept_s)


def _check(request: Any) -> None:
    if request is MALFORMED:
        raise InvalidFields([Violation("request", "must be a SessionRequest")])
    if len(request.operations) > MAX_OPERATIONS:
        description = f"must hold at most {MAX_OPERATIONS} operations"
        raise InvalidFields([Violation("operations", description, "TOO_MANY_OPERATIONS")])
