"""The operations of a stream: asked in bulk where memory has all for it, one by one otherwise.

Operations of one call are worked on one after the other, those of different calls together.
"""

import asyncio
from collections import deque
from collections.abc import Coroutine
from functools import partial
from typing import Any

from opentelemetry.trace import Span

from quota.batch import Result
from quota.errors import QuotaError
from quota.operation import Operation as StoreOperation
from quota.shard_line import MAX_BATCH, ShardLine
from server.calls.conclusions import Settled
from server.calls.first_try import Attempt
from server.calls.questions import CallKey
from server.calls.session.carried import Carried
from server.calls.session.outgoing import Outgoing
from server.calls.session.parts import SessionParts
from server.calls.session.postings import Awaited, Postings
from server.errors import DeadlineExceeded, InvalidFields, PermissionDenied, Violation
from server.interceptors.failures import tell_of
from server.interceptors.overload import Priority
from server.interceptors.principal import Principal
from server.metrics import SESSION_OPERATIONS
from tollgate.v1 import call_authorization_pb2 as pb
from tollgate.v1 import common_pb2

METHOD = "tollgate.v1.CallAuthorizationService/Session"
# How many settles of closed calls are asked again at once when their postings are known.
MAX_AGAIN = 64
NOTHING_ASKED = InvalidFields([Violation("request", "must be authorize, charge or settle")])

_OVER = frozenset({common_pb2.CALL_STATE_SETTLED, common_pb2.CALL_STATE_UNKNOWN})


class Message:
    """One message of the client: how many of its operations are not answered yet."""

    __slots__ = ("open",)

    def __init__(self, count: int) -> None:
        self.open = count


class Item:
    """One operation of a message."""

    __slots__ = (
        "admitted",
        "attempt",
        "call",
        "kind",
        "message",
        "operation",
        "operation_id",
        "request",
    )

    def __init__(
        self, operation_id: int, message: Message, kind: str, request: Any, call: CallKey | None
    ) -> None:
        self.operation_id, self.message, self.kind = operation_id, message, kind
        self.request, self.call = request, call
        self.operation: StoreOperation | None = None
        self.attempt: Attempt | None = None
        self.admitted = False


class Operations:
    """Takes messages and puts their results into what goes out."""

    def __init__(self, parts: SessionParts, principal: Principal, outgoing: Outgoing) -> None:
        self.carried = Carried()
        self.postings = Postings(self._tell_posted)
        self._parts, self._principal, self._outgoing = parts, principal, outgoing
        self._loop = asyncio.get_running_loop()
        self._first_try, self._limiter = parts.desk.first_try, parts.limiter
        # Calls of which an operation is worked on, with those that wait for its answer.
        self._busy: dict[CallKey, deque[Item] | None] = {}
        # Those whose turn has come, and those that are prepared, by shard.
        self._ready: deque[Item] = deque()
        self._prepared: dict[ShardLine, list[Item]] = {}
        self._at_the_desk: set[asyncio.Task[None]] = set()
        self._again = asyncio.Semaphore(MAX_AGAIN)
        self._in_flight = 0
        self._closed = False

    def take(self, request: pb.SessionRequest) -> None:
        """Begins a message's operations."""
        operations = request.operations
        message, busy = Message(len(operations)), self._busy
        SESSION_OPERATIONS.inc(message.open)
        for operation in operations:
            kind = operation.WhichOneof("request")
            if kind is None:
                self._refuse(Item(operation.id, message, "", None, None), NOTHING_ASKED)
                continue
            asked = getattr(operation, kind)
            call = (asked.tenant_id, asked.call_id)
            item = Item(operation.id, message, kind, asked, call)
            if call not in busy:
                busy[call] = None
                self._prepare(item)
            else:
                waiting = busy[call]
                if waiting is None:
                    waiting = busy[call] = deque()
                waiting.append(item)
        self._go_on()

    def close(self) -> list[asyncio.Task[None]]:
        """Drops what is not answered: on another stream it is asked again. Returns the tasks to
        be ended.
        """
        self._closed = True
        self._limiter.leave(self._in_flight)
        # The parts of a stream know each other; what they hold must not wait for the collector.
        for held in (self._busy, self._ready, self._prepared):
            held.clear()
        self.carried = Carried()
        return [*self._at_the_desk, *self.postings.followers]

    # Asking

    def _go_on(self) -> None:
        """Asks whatever can be asked now."""
        if self._closed:
            return
        while self._ready or self._prepared:
            while self._ready:
                self._prepare(self._ready.popleft())
            while self._prepared:
                self._submit(*self._prepared.popitem())

    def _prepare(self, item: Item) -> None:
        assert item.call is not None
        tenant_id = item.call[0]
        try:
            self._admit(item, tenant_id)
            if item.kind == "charge":
                item.operation = self._first_try.charge(item.request, item.call)
            else:
                self._attempt(item, item.call)
        except Exception as error:
            self._refuse(item, error)
            return
        if item.operation is None:
            self._ask_at_the_desk(self._ordinary(item))
            return
        line = self._parts.store.line_of(tenant_id)
        portion = self._prepared.get(line)
        if portion is None:
            portion = self._prepared[line] = []
        portion.append(item)
        if len(portion) == MAX_BATCH:
            self._submit(line, self._prepared.pop(line))

    def _admit(self, item: Item, tenant_id: str) -> None:
        tenants = self._principal.tenants
        if tenants is not None and tenant_id not in tenants:
            raise PermissionDenied
        new = item.kind == "authorize" and not item.request.HasField("usage")
        self._limiter.enter(Priority.NEW if new else Priority.RUNNING)
        item.admitted = True
        self._in_flight += 1

    def _attempt(self, item: Item, call: CallKey) -> None:
        if item.kind == "authorize":
            item.attempt = self._first_try.authorize(item.request, call)
        else:
            item.attempt = self._first_try.settle(item.request, call)
        if item.attempt is not None:
            item.operation = item.attempt.operation

    def _submit(self, line: ShardLine, items: list[Item]) -> None:
        span = self._begin_span(len(items), line)
        operations = [item.operation for item in items if item.operation is not None]
        try:
            future = line.submit_all(operations)
        except QuotaError as error:
            self._refuse_all(items, error)
            return
        future.add_done_callback(partial(self._decided, items, span))

    def _begin_span(self, count: int, line: ShardLine) -> Span | None:
        if self._parts.tracer is None:
            return None
        attributes = {"tollgate.operations": count, "tollgate.shard": line.shard}
        return self._parts.tracer.start_span("Session batch", attributes=attributes)

    def _decided(
        self, items: list[Item], span: Span | None, future: "asyncio.Future[list[Result]]"
    ) -> None:
        if span is not None:
            span.end()
        if self._closed or future.cancelled():
            return
        error = future.exception()
        if error is not None:
            self._refuse_all(items, error)
        else:
            now_s = self._loop.time()
            for item, result in zip(items, future.result(), strict=True):
                self._conclude(item, result, now_s)
        self._go_on()

    def _conclude(self, item: Item, result: Result, now_s: float) -> None:
        try:
            if item.kind == "charge":
                plain = self._tell_charge(item, result, now_s)
            else:
                plain = self._tell_other(item, result, now_s)
        except Exception as error:  # a bug must not leave a call busy for ever
            self._refuse(item, error)
            return
        if plain:
            self._complete(item)
        else:
            self._ask_at_the_desk(self._ordinary(item))

    def _tell_charge(self, item: Item, result: Result, now_s: float) -> bool:
        if not self._first_try.is_plain_charge(result):
            return False
        outcome = self._outgoing.add(item.operation_id)
        try:
            self._first_try.put_charged(result, outcome.charge)
        except Exception:
            self._outgoing.take_back()
            raise
        assert item.call is not None
        self.carried.touch(item.call, now_s)
        return True

    def _tell_other(self, item: Item, result: Result, now_s: float) -> bool:
        attempt = item.attempt
        assert attempt is not None
        outcome = self._outgoing.add(item.operation_id)
        try:
            plain = attempt.tell(attempt, result, outcome)
        except Exception:
            self._outgoing.take_back()
            raise
        if plain is None:
            self._outgoing.take_back()
            return False
        self._follow(item, outcome, plain.settled, now_s)
        return True

    # The ordinary way

    def _ask_at_the_desk(self, asking: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(asking)
        self._at_the_desk.add(task)
        task.add_done_callback(self._at_the_desk.discard)

    async def _ordinary(self, item: Item) -> None:
        told = pb.OperationResult()
        settled: Settled | None = None
        try:
            async with asyncio.timeout(self._parts.patience_s):
                settled = await self._ask_one(item, told)
        except asyncio.CancelledError as error:
            if self._closed:
                raise
            self._refuse(item, error)  # it leaked out of something awaited
        except Exception as error:
            self._refuse(item, DeadlineExceeded() if isinstance(error, TimeoutError) else error)
        else:
            outcome = self._outgoing.add(item.operation_id)
            outcome.MergeFrom(told)
            self._follow(item, outcome, settled, self._loop.time())
            self._complete(item)
        self._go_on()

    async def _ask_one(self, item: Item, told: pb.OperationResult) -> Settled | None:
        desk = self._parts.desk
        if item.kind == "charge":
            told.charge.CopyFrom(await desk.charge_with_care(item.request))
        elif item.kind == "authorize":
            told.authorize.CopyFrom(await desk.authorize_with_care(item.request))
        else:
            settled = await desk.settle(item.request)
            told.settle.CopyFrom(settled.reply)
            return settled if settled.awaited else None
        return None

    # Answering

    def _follow(
        self, item: Item, outcome: pb.OperationResult, settled: Settled | None, now_s: float
    ) -> None:
        """Takes note of what an outcome means for the stream."""
        assert item.call is not None
        if item.kind == "settle":
            self.carried.drop(item.call)
            if settled is not None:
                line = self._parts.store.line_of(item.call[0])
                self.postings.expect(line, item.operation_id, item.request, settled)
        elif item.kind == "charge" and outcome.charge.state in _OVER:
            self.carried.drop(item.call)
        elif item.kind == "charge" or outcome.authorize.decision == pb.DECISION_ACCEPTED:
            self.carried.touch(item.call, now_s)

    def _complete(self, item: Item) -> None:
        """The result that was added last is complete; the call's next operation may go."""
        if item.admitted and not self._closed:
            self._in_flight -= 1
            self._limiter.leave()
        message = item.message
        message.open -= 1
        if not message.open:
            self._outgoing.answered()
        if item.call is None:
            return
        waiting = self._busy.pop(item.call, None)
        if waiting:
            self._ready.append(waiting.popleft())
            self._busy[item.call] = waiting or None

    def _refuse_all(self, items: list[Item], error: BaseException) -> None:
        for item in items:
            self._refuse(item, error)

    def _refuse(self, item: Item, error: BaseException) -> None:
        """Answers an operation with the status that its unary method would end with."""
        self._outgoing.add_error(item.operation_id, tell_of(error, METHOD).status)
        self._complete(item)

    def _tell_posted(self, settle: Awaited) -> None:
        if settle.settled.closed_before:
            self._ask_at_the_desk(self._settle_again(settle))
        else:
            self._put_posted(settle.operation_id, settle.settled.reply)

    async def _settle_again(self, settle: Awaited) -> None:
        """Only now usage that came too late can be recorded. A failure leaves it to the client,
        who repeats until it is told POSTED.
        """
        try:
            async with self._again, asyncio.timeout(self._parts.patience_s):
                settled = await self._parts.desk.settle(settle.request)
        except Exception as error:
            tell_of(error, METHOD)
            return
        if not settled.awaited:
            self._put_posted(settle.operation_id, settled.reply)

    def _put_posted(self, operation_id: int, reply: pb.SettleResponse) -> None:
        told = self._outgoing.add(operation_id).settle
        told.CopyFrom(reply)
        told.settlement = common_pb2.SETTLEMENT_POSTED
