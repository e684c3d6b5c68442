"""The first try of an operation, built from what is in memory alone.

What is not at hand, or not plainly decided, goes the ordinary way through the call desk from its
start: every operation is safe to ask again. So there is one set of rules, and a quick way to it.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeGuard

from quota.batch import Result
from quota.decision import CallResult, State
from quota.operation import NONE, Charge, Operation
from quota.store import QuotaStore
from server.calls import replies
from server.calls.conclusions import Conclusions, Settled, count_directive
from server.calls.directory import Known, TenantDirectory
from server.calls.price_book import PriceBook, Pricing
from server.calls.questions import (
    AuthorizeQuestion,
    CallKey,
    ChargeQuestion,
    SettleQuestion,
    quantities_of,
)
from server.calls.reports import Reports
from server.calls.validation import MAX_QUANTITY, check_authorize, check_settle
from server.errors import InvalidFields
from tollgate.v1 import call_authorization_pb2 as pb

SETTLED = int(State.SETTLED)


class Attempt(NamedTuple):
    """An operation, and how its decision is told.

    `tell` writes the outcome; it returns None when the decision is not plain, and whether a
    posting is awaited otherwise.
    """

    operation: Operation
    tell: "Callable[[Attempt, Result, pb.OperationResult], Told]"
    request: Any
    known: Known
    pricing: Pricing


class Plain(NamedTuple):
    """The decision was plain. `settled` is there for a settle whose posting is awaited."""

    settled: Settled | None


Told = Plain | None
PLAIN = Plain(None)


class FirstTry:
    """Builds attempts; None where the ordinary way must be gone."""

    def __init__(
        self,
        store: QuotaStore,
        directory: TenantDirectory,
        book: PriceBook,
        conclusions: Conclusions,
    ) -> None:
        self._store, self._directory, self._book = store, directory, book
        self._conclusions = conclusions

    def charge(self, request: pb.ChargeRequest, call: CallKey) -> Charge | None:
        """A Charge of a call whose prices are remembered: so its name has been checked before, and
        rating checks the rest. `tell_charge` tells its decision.
        """
        pricing = self._book.remembered(call)
        known = self._directory.recall(call[0])
        elapsed_ms = request.elapsed_ms
        if pricing is None or known is None or not 0 <= elapsed_ms <= MAX_QUANTITY:
            return None
        if not elapsed_ms and not request.HasField("elapsed_ms"):
            elapsed_ms = NONE
        question = ChargeQuestion(call, quantities_of(request.usage), elapsed_ms)
        try:
            return question.build(known, pricing)
        except InvalidFields:
            return None

    def reports(self, call: CallKey) -> Reports | None:
        """What packs the further Charges of a call that reports often."""
        pricing = self._book.remembered(call)
        known = self._directory.recall(call[0])
        return None if pricing is None or known is None else Reports(call, known, pricing)

    def authorize(self, request: pb.AuthorizeRequest, call: CallKey) -> Attempt | None:
        """An Authorize of a new call."""
        known = self._directory.recall(call[0])
        if known is None or request.HasField("usage"):
            return None
        pricing = self._book.in_force(known.profile.tariff, request.model, request.analytics)
        if pricing is None:
            return None
        try:
            check_authorize(request)
        except InvalidFields:
            return None
        operation = AuthorizeQuestion(request, self._store.timing).build(known, pricing)
        return Attempt(operation, self._tell_authorize, request, known, pricing)

    def settle(self, request: pb.SettleRequest, call: CallKey) -> Attempt | None:
        """A Settle of a call whose prices are remembered."""
        pricing = self._book.remembered(call)
        known = self._directory.recall(call[0])
        if pricing is None or known is None:
            return None
        try:
            check_settle(request)
            question = SettleQuestion(request, quantities_of(request.usage), opens=False)
            operation = question.build(known, pricing)
        except InvalidFields:
            return None
        return Attempt(operation, self._tell_settle, request, known, pricing)

    @staticmethod
    def is_plain_charge(result: Result) -> TypeGuard[CallResult]:
        """Whether a Charge was decided for a running call, so that `put_charged` can tell it."""
        return result.__class__ is CallResult and result.state != SETTLED

    @staticmethod
    def put_charged(result: CallResult, reply: pb.ChargeResponse) -> None:
        """Fills in the reply to a plain charge."""
        replies.put_charged(reply, result)
        count_directive(result.directive)

    def _tell_authorize(self, attempt: Attempt, result: Result, told: pb.OperationResult) -> Told:
        if not isinstance(result, CallResult):
            return None
        reply = self._conclusions.authorized(
            attempt.request, attempt.known, result, attempt.pricing
        )
        told.authorize.CopyFrom(reply)
        return PLAIN

    def _tell_settle(self, attempt: Attempt, result: Result, told: pb.OperationResult) -> Told:
        if not isinstance(result, CallResult) or result.known or result.pin != attempt.pricing.pin:
            return None
        posting = self._store.posting(attempt.request.tenant_id, result.n)
        settled = self._conclusions.settled(attempt.request, result, attempt.pricing, posting)
        told.settle.CopyFrom(settled.reply)
        return Plain(settled) if settled.awaited else PLAIN
