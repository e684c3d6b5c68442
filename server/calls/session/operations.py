"""The operations of a stream: asked in bulk where memory has all for it, one by one otherwise.

Operations of one call are worked on one after the other, those of different calls together.
"""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Coroutine
from functools import partial
from typing import Any

from opentelemetry.context import Context
from opentelemetry.trace import Link, Span, get_current_span

from quota.batch import PlainCharge, Result
from quota.errors import QuotaError
from quota.operation import Operation as StoreOperation
from quota.shard_line import MAX_BATCH, ShardLine
from server.calls.conclusions import Settled, count_directive
from server.calls.first_try import Attempt
from server.calls.session.carried import NEVER, Carried
from server.calls.session.items import Item, Message, Portion
from server.calls.session.outgoing import Outgoing
from server.calls.session.parts import SessionParts
from server.calls.session.postings import Awaited, Postings
from server.errors import (
    DeadlineExceeded,
    InvalidFields,
    Overloaded,
    PermissionDenied,
    Violation,
)
from server.interceptors.failures import tell_of
from server.interceptors.overload import Priority
from server.interceptors.principal import Principal
from server.metrics import SESSION_OPERATIONS, SHED
from tollgate.v1 import call_authorization_pb2 as pb
from tollgate.v1 import common_pb2

BATCH = "Session batch"
METHOD = "tollgate.v1.CallAuthorizationService/Session"
# How many settles of closed calls are asked again at once when their postings are known.
MAX_AGAIN = 64
NOTHING_ASKED = InvalidFields([Violation("request", "must be authorize, charge or settle")])

_OVER = frozenset({common_pb2.CALL_STATE_SETTLED, common_pb2.CALL_STATE_UNKNOWN})
_SHED = SHED.labels(METHOD)
_new_tuple = tuple.__new__  # what a NamedTuple's own constructor does, without its detour


class Operations:
    """Takes messages and puts their results into what goes out."""

    def __init__(self, parts: SessionParts, principal: Principal, outgoing: Outgoing) -> None:
        self.carried = Carried()
        self.postings = Postings(self._tell_posted)
        self._parts, self._principal, self._outgoing = parts, principal, outgoing
        self._loop = asyncio.get_running_loop()
        self._stream = get_current_span().get_span_context()
        self._first_try, self._limiter = parts.desk.first_try, parts.limiter
        # Those whose turn has come, and those that are prepared, by shard.
        self._ready: deque[Item] = deque()
        self._prepared: dict[ShardLine, Portion] = {}
        self._at_the_desk: set[asyncio.Task[None]] = set()
        self._again = asyncio.Semaphore(MAX_AGAIN)
        self._in_flight = 0
        self._closed = False

    def take(self, request: pb.SessionRequest) -> None:
        """Begins a message's operations."""
        operations, calls, prepare = request.operations, self.carried.calls, self._prepare
        message = Message(len(operations))
        SESSION_OPERATIONS.inc(message.open)
        for operation in operations:
            if operation.HasField("charge"):
                kind, asked = "charge", operation.charge
            else:
                kind = operation.WhichOneof("request") or ""
                asked = getattr(operation, kind or "charge")
            key = (asked.tenant_id, asked.call_id)
            call = calls.get(key) or self.carried.call(key)
            item = _new_tuple(Item, (operation.id, message, kind, asked, call, None))
            if call.busy:
                call.wait(item)
            else:
                prepare(item)
        self._go_on()

    def close(self) -> list[asyncio.Task[None]]:
        """Drops what is not answered: on another stream it is asked again. Returns the tasks to
        be ended.
        """
        self._closed = True
        self._limiter.leave(self._in_flight)
        # The parts of a stream know each other; what they hold must not wait for the collector.
        self._ready.clear()
        self._prepared.clear()
        self.carried.clear()
        return [*self._at_the_desk, *self.postings.close()]

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
        item.call.busy = True
        operation: StoreOperation | bytes | None
        try:
            self._admit(item)
            if item.kind == "charge":
                operation = self._charge(item)
            else:
                attempt = self._attempt(item)
                item, operation = item._replace(attempt=attempt), attempt and attempt.operation
        except (PermissionDenied, Overloaded) as error:
            self._turn_away(item, error)
        except Exception as error:
            self._refuse(item, error)
        else:
            if operation is None:
                self._ask_at_the_desk(self._ordinary(item))
            else:
                self._put(item, operation)

    def _admit(self, item: Item) -> None:
        call = item.call
        # A call that has told its usage before was asked for by a key that may.
        if call.reports is None:
            tenants = self._principal.tenants
            if tenants is not None and call.key[0] not in tenants:
                raise PermissionDenied
        new = item.kind == "authorize" and not item.request.HasField("usage")
        self._limiter.enter(Priority.NEW if new else Priority.RUNNING)
        self._in_flight += 1

    def _charge(self, item: Item) -> StoreOperation | bytes | None:
        request, call = item.request, item.call
        reports = call.reports
        if reports is None or reports.until_ms <= time.time() * 1000:
            reports = call.reports = self._first_try.reports(call.key)
            if reports is None:
                return None
        return reports.pack(request) or self._first_try.charge(request, call.key)

    def _attempt(self, item: Item) -> Attempt | None:
        key = item.call.key
        if item.kind == "authorize":
            return self._first_try.authorize(item.request, key)
        if item.kind == "settle":
            return self._first_try.settle(item.request, key)
        raise NOTHING_ASKED

    def _put(self, item: Item, operation: StoreOperation | bytes) -> None:
        line = item.call.line
        if line is None:
            line = item.call.line = self._parts.store.line_of(item.call.key[0])
        portion = self._prepared.get(line)
        if portion is None:
            portion = self._prepared[line] = Portion()
        portion.items.append(item)
        portion.operations.append(operation)
        if len(portion.items) == MAX_BATCH:
            self._submit(line, self._prepared.pop(line))

    def _submit(self, line: ShardLine, portion: Portion) -> None:
        span = self._begin_span(len(portion.items), line)
        try:
            future = line.submit_all(portion.operations)
        except QuotaError as error:
            self._refuse_all(portion.items, error)
            return
        future.add_done_callback(partial(self._decided, portion, span))

    def _begin_span(self, count: int, line: ShardLine) -> Span | None:
        """A trace of its own for a batch that is sampled: a stream's would never end."""
        tracer, draw = self._parts.told
        if tracer is None or draw is None or not draw(BATCH):
            return None
        attributes = {"tollgate.operations": count, "tollgate.shard": line.shard}
        return tracer.start_span(
            BATCH, context=Context(), links=[Link(self._stream)], attributes=attributes
        )

    def _decided(
        self,
        portion: Portion,
        span: Span | None,
        future: "asyncio.Future[list[Any]]",
    ) -> None:
        if span is not None:
            span.end()
        if self._closed or future.cancelled():
            return
        error = future.exception()
        if error is not None:
            self._refuse_all(portion.items, error)
        else:
            self._conclude(portion, future.result())
        self._go_on()

    def _conclude(self, portion: Portion, results: list[Any]) -> None:
        now_s = self._loop.time()
        plain: list[tuple[Item, PlainCharge]] = []
        for item, result in zip(portion.items, results, strict=True):
            if isinstance(result, list):
                item.call.heard_s = now_s
                plain.append((item, result))
            else:
                self._conclude_one(item, result, now_s)
        if plain:
            self._conclude_plain(plain)

    def _conclude_plain(self, charges: list[tuple[Item, PlainCharge]]) -> None:
        items = [item for item, _ in charges]
        try:
            self._outgoing.add_charges([(item.operation_id, told) for item, told in charges])
        except Exception as error:  # a bug must not leave calls busy for ever
            self._refuse_all(items, error)
            return
        for directive, count in Counter([told[1] for _, told in charges]).items():
            count_directive(directive, count)
        self._leave(len(items))
        for item in items:
            self._finish(item)

    def _conclude_one(self, item: Item, result: Result, now_s: float) -> None:
        try:
            if item.attempt is None:
                plain = self._tell_charge(item, result, now_s)
            else:
                plain = self._tell_other(item, item.attempt, result, now_s)
        except Exception as error:  # a bug must not leave a call busy for ever
            self._refuse(item, error)
            return
        if plain:
            self._complete(item)
        else:
            item.call.reports = None
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
        item.call.heard_s = now_s
        return True

    def _tell_other(self, item: Item, attempt: Attempt, result: Result, now_s: float) -> bool:
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
        call = item.call
        if item.kind == "settle":
            call.heard_s = NEVER
            if settled is not None:
                line = self._parts.store.line_of(call.key[0])
                self.postings.expect(line, item.operation_id, item.request, settled)
        elif item.kind == "charge" and outcome.charge.state in _OVER:
            call.heard_s = NEVER
        elif item.kind == "charge" or outcome.authorize.decision == pb.DECISION_ACCEPTED:
            call.heard_s = now_s

    def _complete(self, item: Item) -> None:
        """The result that was added last is complete."""
        self._leave(1)
        self._finish(item)

    def _leave(self, count: int) -> None:
        if not self._closed:
            self._in_flight -= count
            self._limiter.leave(count)

    def _finish(self, item: Item) -> None:
        """The call's next operation may go."""
        message, call = item.message, item.call
        message.open -= 1
        if not message.open:
            self._outgoing.answered()
        if call.waiting:
            self._ready.append(call.waiting.popleft())
        elif call.heard_s == NEVER:
            self.carried.release(call)
        else:
            call.busy = False

    def _refuse(self, item: Item, error: BaseException) -> None:
        self._refuse_all([item], error)

    def _refuse_all(self, items: list[Item], error: BaseException) -> None:
        """Answers operations with the status that their unary methods would end with."""
        status = tell_of(error, METHOD).status  # once for all: what nobody foresaw is logged
        for item in items:
            self._outgoing.add_error(item.operation_id, status)
            self._complete(item)

    def _turn_away(self, item: Item, error: PermissionDenied | Overloaded) -> None:
        """Refuses an operation that was not let in."""
        if isinstance(error, Overloaded):
            _SHED.inc()
        self._outgoing.add_error(item.operation_id, tell_of(error, METHOD).status)
        self._finish(item)

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
