"""The course of one call, from Authorize to POSTED: what to ask next, and what the replies mean.

No I/O and no clock of its own: moments are seconds of a monotonic clock, given by whoever asks.
"""

import math
import random
from collections.abc import Callable
from datetime import datetime
from enum import Enum, auto

from google.rpc import status_pb2

from tollgate.v1 import call_authorization_pb2 as pb
from tollgate.v1 import common_pb2
from tollgate_client.backoff import Backoff
from tollgate_client.bill import Bill
from tollgate_client.errors import PASSING, OperationFailed, Refused, code_of, failure_of, retry_s
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
from tollgate_client.settlement import Moments, elapsed_ms, settlement
from tollgate_client.usage import UsageTotals
from tollgate_client.words import Directive, Ending, Outcome

NEVER = math.inf
# What passes by itself is asked again after so long.
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 5.0
# POSTED is told by itself; whether that was lost is asked after so long.
FIRST_POSTED_PAUSE_S, LONGEST_POSTED_PAUSE_S = 1.0, 30.0
SHORTEST_PAUSE_S = 0.01


class Phase(Enum):
    """Where the call is."""

    ASKING = auto()
    RUNNING = auto()
    SETTLING = auto()
    OVER = auto()


class Course:
    """One call, which asks one operation at a time."""

    def __init__(
        self,
        terms: pb.AuthorizeRequest,
        *,
        now: float,
        report_s: float,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.terms, self.usage = terms, UsageTotals()
        self.phase = Phase.ASKING
        self.directive = Directive.UNSPECIFIED
        self.grant: Grant | None = None
        self.failure: OperationFailed | None = None
        self.tariff_version = ""
        self.rated_micros = self.charged_micros = self.overrun_micros = 0
        self._started = now
        self._answered: float | None = None
        self._ended: float | None = None
        self._report_s = report_s
        self._due = now  # when it asks next
        self._asked = False  # whether the service may know the call
        self._asking = ""  # what it asked last: authorize, charge or settle
        self._lost = False  # nobody holds the call: authorize it with its usage
        self._again = False  # report once more at once
        self._sent, self._sent_usage = now, dict[str, int]()
        self._closing: tuple[Moments, Outcome] | None = None
        self._settlement: pb.SettleRequest | None = None
        self._backoff = Backoff(FIRST_PAUSE_S, LONGEST_PAUSE_S, chance)
        self._posting = Backoff(FIRST_POSTED_PAUSE_S, LONGEST_POSTED_PAUSE_S, chance)

    # What the gateway does

    @property
    def answered(self) -> bool:
        """Whether the call was answered."""
        return self._answered is not None

    def answer(self, now: float) -> None:
        """The call was answered: elapsed time begins; the first time counts."""
        if self._answered is None:
            self._answered = now

    def end(self, now: float) -> None:
        """The call has ended: elapsed time stops; the first time counts."""
        if self._ended is None:
            self._ended = now

    def settle(self, outcome: Outcome, now: float, wall: datetime) -> None:
        """The gateway has left the call. `wall` is the time of day at `now`."""
        if self.phase is Phase.OVER:
            return
        if self.phase is Phase.ASKING and not self._asked:
            self.phase = Phase.OVER
            return
        self.end(now)
        assert self._ended is not None
        self._closing = Moments(self._started, self._answered, self._ended, wall), outcome
        self.phase, self._due = Phase.SETTLING, now

    # What to ask, and when

    def wants(self, now: float) -> bool:
        """Whether there is something to ask by now."""
        return self.phase is not Phase.OVER and self._due <= now

    def moment(self, *, asks: bool) -> float:
        """When it is to be looked at next; without `asks` only for the end of its grant."""
        due = self._due if asks and self.phase is not Phase.OVER else NEVER
        return min(due, self._grant_ends())

    def ask(self, operation: pb.Operation, now: float) -> bool:
        """Fills in what it asks now; False when there is nothing."""
        if not self.wants(now):
            return False
        self._sent, self._again, self._asked = now, False, True
        if self.phase is Phase.SETTLING:
            self._asking = "settle"
            operation.settle.CopyFrom(self._settle_request())
            return True
        self._sent_usage = self.usage.snapshot()
        if self.phase is Phase.ASKING or self._lost:
            self._asking = "authorize"
            operation.authorize.CopyFrom(self.terms)
            if self._lost:
                self._report(operation.authorize, now)
        else:
            self._asking = "charge"
            operation.charge.tenant_id = self.terms.tenant_id
            operation.charge.call_id = self.terms.call_id
            self._report(operation.charge, now)
        return True

    def renew(self, now: float) -> None:
        """There is a new stream: everything that is not confirmed is asked again at once."""
        if not self._silent:
            self._due = now

    def tick(self, now: float) -> list[Notice]:
        """Ends the call when its grant is over and nobody extended it."""
        if now < self._grant_ends():
            return []
        assert self.grant is not None
        return self._must_end(
            Ending.LAST_GRANT_OVER if self.grant.last else Ending.SERVICE_AWAY, now
        )

    # What the service says

    def take(self, result: pb.OperationResult, now: float) -> list[Notice]:
        """The answer to what was asked last; to a settle also a second one, when it is POSTED."""
        kind = result.WhichOneof("outcome")
        self.failure = None  # whatever the answer is, the stream is taken
        if kind == "error":
            return self._fail(result.error, now)
        self._backoff.reset()
        if kind == "authorize":
            return self._authorized(result.authorize, now)
        if kind == "charge":
            return self._charged(result.charge, now)
        return self._settled(result.settle, now)

    def push(self, directive: int, now: float) -> list[Notice]:
        """The service tells something that nobody asked for."""
        if self.phase is not Phase.RUNNING or self._silent:
            return []
        if directive == Directive.HANG_UP:
            return self._must_end(Ending.HANG_UP, now)
        if directive == Directive.WARN:
            return [] if self.directive == Directive.FINISH else self._turn(Directive.WARN)
        # REPORT_NOW; and FINISH, of which only the reply to a report tells the seconds.
        self._due, self._again = now, True
        return []

    def lock_out(self, error: OperationFailed) -> list[Notice]:
        """The service does not take the stream, and time alone will not change that."""
        if self.phase is Phase.ASKING:
            self.phase = Phase.OVER
        elif self.failure is not None or self._silent:
            return []  # it was told, or asks nothing that could be refused
        self.failure = error
        return [Failed(error)]

    def _authorized(self, reply: pb.AuthorizeResponse, now: float) -> list[Notice]:
        accepted = reply.decision == pb.DECISION_ACCEPTED
        self.tariff_version = reply.tariff_version or self.tariff_version
        self._continue_from(reply.usage)
        if self.phase is Phase.ASKING:
            self.phase = Phase.RUNNING if accepted else Phase.OVER
            if not accepted:
                return [Rejected(Refused(reply.refusal))]
            return [Started(), *self._obey(reply.directive, reply.grant, now)]
        if self.phase is Phase.SETTLING:
            if accepted or self._lost:
                return []
            self.phase = Phase.OVER
            return [Rejected(Refused(reply.refusal))]
        self._lost = False
        if self._silent:
            return []
        if not accepted:
            return self._must_end(Ending.HANG_UP, now)
        return self._obey(reply.directive, reply.grant, now)

    def _charged(self, reply: pb.ChargeResponse, now: float) -> list[Notice]:
        lost = reply.directive == pb.DIRECTIVE_REAUTHORIZE
        if not lost:
            self._continue_from(reply.usage)
            self.rated_micros = reply.rated_micros
            self.charged_micros = reply.charged_micros
            self.overrun_micros = reply.overrun_micros
        if self.phase is not Phase.RUNNING or self._silent:
            return []
        if lost:
            self._lost, self._due = True, now
            return []
        return self._obey(reply.directive, reply.grant, now)

    def _settled(self, reply: pb.SettleResponse, now: float) -> list[Notice]:
        if self.phase is not Phase.SETTLING:
            return []
        if reply.settlement == common_pb2.SETTLEMENT_POSTED:
            self.phase = Phase.OVER
            return [Posted(Bill.of(reply))]
        self._due = now + self._posting.pause_s()
        return []

    def _fail(self, status: status_pb2.Status, now: float) -> list[Notice]:
        if self.phase is Phase.SETTLING and (self._asking == "charge" or self._lost):
            return []  # the settlement says more than the report did
        if code_of(status) in PASSING:
            if not self._silent:
                self._due = now + self._backoff.pause_s(retry_s(status))
            return []
        self.failure = failure_of(status)
        self._due = NEVER
        if self.phase is not Phase.RUNNING:
            self.phase = Phase.OVER
        return [Failed(self.failure)]

    def _obey(self, directive: int, reply: pb.Grant, now: float) -> list[Notice]:
        if directive == Directive.HANG_UP:
            return self._must_end(Ending.HANG_UP, now)
        self.grant = Grant.of(reply, directive, sent=self._sent, interval_s=self._report_s)
        self._due = now if self._again else max(self.grant.report_at, now + SHORTEST_PAUSE_S)
        return self._turn(directive)

    def _turn(self, directive: int) -> list[Notice]:
        before, self.directive = self.directive, Directive(directive)
        if before == directive:
            return []
        if directive == Directive.WARN:
            return [Warned()]
        if directive == Directive.FINISH and self.grant is not None:
            return [Finishing(self.grant.seconds_left)]
        lifted = before in (Directive.WARN, Directive.FINISH)
        return [Continuing()] if directive == Directive.CONTINUE and lifted else []

    def _must_end(self, ending: Ending, now: float) -> list[Notice]:
        self.directive, self._due = Directive.HANG_UP, NEVER
        return [MustEnd(ending)]

    @property
    def _silent(self) -> bool:
        """Whether it asks nothing more before it is settled."""
        return self._due == NEVER

    # What it says

    def _report(self, request: pb.ChargeRequest | pb.AuthorizeRequest, now: float) -> None:
        for meter, quantity in self._sent_usage.items():
            request.usage.quantities[meter] = quantity
        request.usage.SetInParent()
        if self._answered is not None:
            moment = now if self._ended is None else min(now, self._ended)
            request.elapsed_ms = elapsed_ms(self._answered, moment)

    def _settle_request(self) -> pb.SettleRequest:
        if self._settlement is None:
            assert self._closing is not None
            moments, outcome = self._closing
            self._settlement = settlement(
                self.terms,
                self.usage.snapshot(),
                moments,
                outcome,
                tariff_version=self.tariff_version,
            )
        return self._settlement

    def _continue_from(self, accepted: common_pb2.Usage) -> None:
        if accepted.quantities:
            self.usage.continue_from(accepted.quantities, self._sent_usage)

    def _grant_ends(self) -> float:
        if self.phase is not Phase.RUNNING or self.directive == Directive.HANG_UP:
            return NEVER
        return NEVER if self.grant is None else self.grant.ends_at
