"""One call, as an application handles it."""

import asyncio
import logging
import time
from datetime import UTC, datetime
from types import TracebackType
from typing import Protocol, Self

from tollgate.v1 import call_authorization_pb2 as pb
from tollgate_client.bill import Bill
from tollgate_client.callbacks import Callbacks, Caller
from tollgate_client.course import Course, Phase
from tollgate_client.errors import NotAnswered, OperationFailed, TollgateError
from tollgate_client.grant import Grant
from tollgate_client.notices import (
    Continuing,
    Failed,
    Finishing,
    MustEnd,
    Notice,
    Posted,
    Rejected,
    Started,
    Warned,
)
from tollgate_client.words import Directive, Ending, Outcome

log = logging.getLogger("tollgate_client")


class Desk(Protocol):
    """Where calls are carried."""

    caller: Caller

    def admit(self, call: "Call") -> None:
        """Takes up a call. Raises TollgateError."""

    def follow(self, call: "Call") -> None:
        """Something became of the call: see what it needs next."""


class Call:
    """Entering authorizes, leaving settles. Raises Refused, NotAnswered and OperationFailed."""

    def __init__(
        self, desk: Desk, course: Course, callbacks: Callbacks, authorize_patience_s: float
    ) -> None:
        self.submitted = self._entered = False
        self._desk, self._course, self._callbacks = desk, course, callbacks
        self._patience_s = authorize_patience_s
        self._decided, self._ended, self._over = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._refused: TollgateError | None = None
        self._ending: Ending | None = None
        self._outcome: Outcome | None = None
        self._bill: Bill | None = None

    async def __aenter__(self) -> Self:
        if self._entered:
            raise RuntimeError("a call is entered once")
        self._entered = True
        self._desk.admit(self)
        try:
            async with asyncio.timeout(self._patience_s):
                await self._decided.wait()
        except TimeoutError:
            self._leave(Outcome.FAILED)
            raise NotAnswered(f"no answer within {self._patience_s:g} s") from None
        except asyncio.CancelledError:
            self._leave(Outcome.FAILED)
            raise
        if self._refused is not None:
            raise self._refused
        if self._course.phase is Phase.ASKING:
            self._leave(Outcome.FAILED)
            raise NotAnswered("the client was closed before the call was decided")
        return self

    async def __aexit__(
        self,
        _kind: type[BaseException] | None,
        error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        failure = self._course.failure
        self._leave(self._outcome_of(error))
        if failure is not None and error is None:
            raise failure

    # What happens to the call

    def answered(self) -> None:
        """The call was answered: elapsed time starts. Repeating it changes nothing."""
        self._course.answer(time.monotonic())

    def add(self, **increments: int) -> None:
        """Adds to the call's meters: `call.add(llm_input_tokens=120)`.

        Raises ValueError, and what the service said if it does not take this call's reports.
        """
        self._course.usage.add(increments)
        self._raise_failure()

    def total(self, **totals: int) -> None:
        """Sets meters to what was used since the call was answered; lower than before is ignored.

        Raises as `add` does.
        """
        self._course.usage.raise_to(totals)
        self._raise_failure()

    def hung_up(self, outcome: Outcome | None = None) -> None:
        """The call has ended: elapsed time stops. Leaving the block settles it."""
        self._course.end(time.monotonic())
        self._outcome = outcome

    async def ended(self) -> Ending:
        """Waits until the call has to end, and says why. Raises OperationFailed."""
        while True:
            await self._ended.wait()
            self._raise_failure()
            if self._ending is not None:
                return self._ending
            self._ended.clear()  # it was a failure, and the service takes the call again

    async def posted(self) -> Bill:
        """Waits until the settlement is in the ledger. Raises OperationFailed and NotAnswered."""
        await self._over.wait()
        if self._bill is not None:
            return self._bill
        self._raise_failure()
        if self._refused is not None:
            raise self._refused.with_traceback(None)
        raise NotAnswered("the client was closed before the settlement was confirmed")

    # What is known of it

    @property
    def key(self) -> tuple[str, str]:
        """Tenant and call id."""
        return self._course.terms.tenant_id, self._course.terms.call_id

    @property
    def usage(self) -> dict[str, int]:
        """The quantities so far, whether they were reported or not."""
        return self._course.usage.snapshot()

    @property
    def grant(self) -> Grant | None:
        """What the last reply allowed."""
        return self._course.grant

    @property
    def directive(self) -> Directive:
        """What was told last: CONTINUE, WARN, FINISH or HANG_UP."""
        return self._course.directive

    @property
    def charged_micros(self) -> int:
        """Money charged for the call, by the last reply."""
        return self._course.charged_micros

    @property
    def tariff_version(self) -> str:
        """The tariff version that prices the call."""
        return self._course.tariff_version

    # What the desk does with it

    @property
    def is_over(self) -> bool:
        """Whether nothing is left to be asked."""
        return self._course.phase is Phase.OVER

    def wants(self, now: float) -> bool:
        """Whether it would ask something now."""
        return not self.submitted and self._course.wants(now)

    def moment(self, *, asks: bool) -> float:
        """When it is to be looked at next."""
        return self._course.moment(asks=asks and not self.submitted)

    def tick(self, now: float) -> None:
        """A moment that it waited for has come."""
        self._tell(self._course.tick(now))

    def push(self, directive: int, now: float) -> None:
        """The service told something that nobody asked for."""
        self._tell(self._course.push(directive, now))

    def renew(self, now: float) -> None:
        """There is a new stream."""
        self._course.renew(now)

    def lock_out(self, error: OperationFailed) -> None:
        """The service does not take the stream."""
        self._tell(self._course.lock_out(error))

    def close(self) -> None:
        """The desk is closed; nothing more becomes of the call."""
        self._decided.set()
        self._end_with(Ending.LEFT)
        self._over.set()

    # Asker

    def ask(self, operation: pb.Operation, now: float) -> bool:
        """Fills in what it asks now."""
        if self._course.ask(operation, now):
            return True
        self.submitted = False
        self._desk.follow(self)
        return False

    def take(self, result: pb.OperationResult, now: float) -> None:
        """Is answered."""
        self.submitted = False
        self._tell(self._course.take(result, now))
        self._desk.follow(self)

    def drop(self, ended: TollgateError) -> None:
        """Its question may not have arrived; it is asked again on the next stream."""
        self.submitted = False
        self._desk.follow(self)

    def _tell(self, notices: list[Notice]) -> None:
        for notice in notices:
            self._note(notice)

    def _note(self, notice: Notice) -> None:
        call_back = self._desk.caller.call
        match notice:
            case Started():
                self._decided.set()
            case Rejected(refusal):
                self._refused = refusal
                self._decided.set()
                self._over.set()
            case Warned():
                call_back(self._callbacks.on_warn)
            case Finishing(seconds_left):
                call_back(self._callbacks.on_finish, seconds_left)
            case Continuing():
                call_back(self._callbacks.on_continue)
            case MustEnd(ending):
                self._end_with(ending)
                call_back(self._callbacks.on_hang_up)
            case Failed(error):
                self._failed(error)
            case Posted(bill):
                self._bill = bill
                self._over.set()

    def _failed(self, error: OperationFailed) -> None:
        if not self._decided.is_set():
            self._refused = error
            self._decided.set()
        else:
            self._ended.set()
            self._desk.caller.call(self._callbacks.on_failure, error)
            if self.is_over:
                log.error("call %s of %s is not settled: %s", *reversed(self.key), error)
        if self.is_over:
            self._over.set()

    def _leave(self, outcome: Outcome) -> None:
        self._course.settle(outcome, time.monotonic(), datetime.now(UTC))
        self._end_with(Ending.LEFT)
        if self.is_over:
            self._over.set()
        self._desk.follow(self)

    def _end_with(self, ending: Ending) -> None:
        if self._ending is None:
            self._ending = ending
        self._ended.set()

    def _outcome_of(self, error: BaseException | None) -> Outcome:
        if self._outcome is not None:
            return self._outcome
        if error is not None:
            return Outcome.FAILED
        if self._course.directive == Directive.HANG_UP:
            return Outcome.CUT
        return Outcome.COMPLETED if self._course.answered else Outcome.NO_ANSWER

    def _raise_failure(self) -> None:
        if self._course.failure is not None:
            raise self._course.failure.with_traceback(None)
