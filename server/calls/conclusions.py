"""What follows from a decision: what is remembered, counted, noted, and told to gateways."""

from typing import NamedTuple

from quota.decision import CallResult, Directive, Reason
from quota.store import Posting
from server.calls import replies
from server.calls.directory import Known
from server.calls.price_book import PriceBook, Pricing
from server.calls.questions import key_of
from server.calls.refusal_log import RefusalLog
from server.metrics import DECISIONS, DIRECTIVES
from server.tallies import Tally
from tollgate.v1 import call_authorization_pb2 as pb

_DECISIONS = {int(reason): Tally(DECISIONS.labels(reason.name)) for reason in Reason}
_DIRECTIVES = {int(each): Tally(DIRECTIVES.labels(each.name)) for each in Directive}


def count_decision(reason: int) -> None:
    """Counts an Authorize by its refusal."""
    _DECISIONS[reason].count += 1


def count_directive(directive: int, count: int = 1) -> None:
    """Counts what running calls were told."""
    _DIRECTIVES[directive].count += count


class Settled(NamedTuple):
    """The reply to a Settle, and the posting that it waits for; None when it is POSTED.

    A call that was closed before may have got usage that came too late, which is recorded once
    it is posted: whoever waits for that asks again then.
    """

    reply: pb.SettleResponse
    awaited: Posting | None
    closed_before: bool = False


class Conclusions:
    """Concludes decisions of the live store, whichever way they were asked."""

    def __init__(self, book: PriceBook, refusals: RefusalLog) -> None:
        self._book, self._refusals = book, refusals

    def authorized(
        self,
        request: pb.AuthorizeRequest,
        known: Known,
        result: CallResult,
        pricing: Pricing | None,
    ) -> pb.AuthorizeResponse:
        """Concludes an Authorize; the prices of an accepted call are remembered."""
        if not result.reason and pricing is not None and pricing.pin == result.pin:
            self._book.remember(key_of(request), pricing)
        reply = replies.authorized(result)
        self.note(request, known, reply)
        return reply

    def note(self, request: pb.AuthorizeRequest, known: Known, reply: pb.AuthorizeResponse) -> None:
        """Counts an Authorize, and keeps what a refusal was about."""
        count_decision(reply.refusal.reason)
        if reply.decision == pb.DECISION_REJECTED:
            self._refusals.note(known.day.day, request, reply.refusal)

    def settled(
        self, request: pb.SettleRequest, result: CallResult, pricing: Pricing, posting: Posting
    ) -> Settled:
        """Concludes a Settle with the prices that the call has pinned."""
        self._book.forget(key_of(request))
        reply = replies.settled(result, pricing, posting.posted)
        return Settled(reply, None if posting.posted else posting, bool(result.known))
