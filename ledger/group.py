"""Decides what a group of outbox entries becomes, without I/O.

The same entries get the same verdicts however often and from wherever they come again, because
each verdict is taken from what is stored, or else from the entry alone.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from operator import attrgetter
from types import MappingProxyType
from typing import Any, NamedTuple

from ledger.entry import (
    CROSSINGS,
    Aside,
    Crossing,
    Deed,
    Entry,
    ForcedReturn,
    PostedDebit,
    SettledCall,
    Verdict,
)
from ledger.payments.top_up import Return, return_id_of

MAX_AMOUNT_MICROS = 10**12

FUNDS = "funds"
RECEIVABLE = "receivable"
ADJUSTMENTS = "adjustments"
OVERRUN = "overrun"


class Place(NamedTuple):
    """Where an entry stood; a call that is found at the entry's own place was posted by it."""

    shard: int
    epoch: int
    n: int


class Found(NamedTuple):
    """A call or request that the ledger holds. A request that was no debit has no place."""

    place: Place | None
    content: tuple[Any, ...]


class Known(NamedTuple):
    """What the ledger holds about a group: the shard's posted n, calls by (tenant, call id),
    requests by (tenant, request id), the currency of each tenant, and forced returns by id.
    """

    posted_n: int
    calls: dict[tuple[str, str], Found]
    requests: dict[tuple[str, str], Found]
    currencies: Mapping[str, str]
    returns: Mapping[int, Return] = MappingProxyType({})


class Posting(NamedTuple):
    """A row to post. One of the two accounts is the tenant's: its funds, or its receivable, which
    the live balance knows nothing of, so that such a row has no n.
    """

    n: int | None
    tenant: str
    debit: str
    credit: str
    amount_micros: int
    kind: str
    call_id: str | None = None
    request_id: str | None = None
    reason: str | None = None


class Plan:
    """What a group becomes: the verdicts, and the rows to write."""

    def __init__(self) -> None:
        self.verdicts: list[Verdict] = []
        self.calls: list[SettledCall] = []
        self.debits: list[PostedDebit | ForcedReturn] = []
        self.returned: list[tuple[int, int]] = []  # ids, and what was taken
        self.postings: list[Posting] = []
        self.crossings: list[Crossing] = []
        self.asides: list[Aside] = []
        self.spend: dict[tuple[str, str], int] = defaultdict(int)


# What two settlements of one call must have in common.
CALL_CONTENT = (
    "model",
    "tariff",
    "tariff_version",
    "analytics",
    "usage",
    "elapsed_ms",
    "outcome",
    "rated_micros",
    "settle_digest",
)
_call_content = attrgetter(*CALL_CONTENT)


def decide(shard: int, epoch: int, entries: Sequence[Entry], known: Known) -> Plan:
    """Plans the entries in their order; `known` learns what the earlier ones will have posted."""
    plan = Plan()
    for entry in entries:
        place = Place(shard, epoch, entry.n)
        if isinstance(entry, SettledCall):
            _settle(plan, known, place, entry)
        elif isinstance(entry, PostedDebit | ForcedReturn):
            _debit(plan, known, place, entry)
        elif isinstance(entry, Crossing) and entry.kind in CROSSINGS:
            plan.verdicts.append(Verdict(entry.n, Deed.POSTED))
            if entry.n > known.posted_n:
                plan.crossings.append(entry)
        else:
            _put_aside(plan, known, entry)
    return plan


def _settle(plan: Plan, known: Known, place: Place, call: SettledCall) -> None:
    key = (call.tenant, call.call_id)
    content = _call_content(call)
    found = known.calls.get(key)
    if found is not None:
        plan.verdicts.append(_verdict_of(found, place, content))
    elif call.n <= known.posted_n or not _can_settle(call, known):
        _put_aside(plan, known, call)
    else:
        known.calls[key] = Found(place, content)
        plan.verdicts.append(Verdict(call.n, Deed.POSTED))
        plan.calls.append(call)
        plan.postings.extend(_postings_of(call))
        for day, amount_micros in call.spend_by_day:
            plan.spend[call.tenant, day] += amount_micros


def _debit(plan: Plan, known: Known, place: Place, debit: PostedDebit | ForcedReturn) -> None:
    key = (debit.tenant, debit.request_id)
    content = (debit.digest,)
    found = known.requests.get(key)
    if found is not None:
        plan.verdicts.append(_verdict_of(found, place, content))
    elif debit.n <= known.posted_n or not _can_debit(debit, known):
        _put_aside(plan, known, debit)
    else:
        known.requests[key] = Found(place, content)
        plan.verdicts.append(Verdict(debit.n, Deed.POSTED))
        plan.debits.append(debit)
        if isinstance(debit, PostedDebit):
            plan.postings.append(_posting_of(debit))
        else:
            _return(plan, debit, known.returns[_return_id(debit)])


def _verdict_of(found: Found, place: Place, content: tuple[Any, ...]) -> Verdict:
    if found.place == place:
        return Verdict(place.n, Deed.POSTED)
    return Verdict(place.n, Deed.RETURNED, same_content=found.content == content)


def _put_aside(plan: Plan, known: Known, entry: Entry) -> None:
    plan.verdicts.append(Verdict(entry.n, Deed.ASIDE))
    if entry.n > known.posted_n:
        plan.asides.append(_aside_of(entry))


def _aside_of(entry: Entry) -> Aside:
    if isinstance(entry, Aside):
        return entry
    key = getattr(entry, "call_id", None) or getattr(entry, "request_id", None) or ""
    why = "the entry cannot be posted: its tenant is unknown or its amounts do not fit"
    return Aside(entry.n, entry.tenant, key, why, entry._asdict())


def _can_settle(call: SettledCall, known: Known) -> bool:
    return (
        call.tenant in known.currencies
        and 0 <= call.overrun_micros <= call.rated_micros <= MAX_AMOUNT_MICROS
        and call.charged_micros == call.rated_micros - call.overrun_micros
        and sum(amount for _, amount in call.cost) == call.rated_micros
        and all(amount > 0 for _, amount in call.cost)
        # Postgres cannot hold the character.
        and "\0" not in call.caller + call.callee + call.assistant_id
    )


def _can_debit(debit: PostedDebit | ForcedReturn, known: Known) -> bool:
    if isinstance(debit, ForcedReturn):
        intent = known.returns.get(_return_id(debit))
        return (
            debit.tenant in known.currencies
            and intent is not None
            and intent.tenant == debit.tenant
            and 0 <= debit.amount_micros <= intent.amount_micros
        )
    return (
        debit.tenant in known.currencies
        and 0 < debit.amount_micros <= MAX_AMOUNT_MICROS
        and "\0" not in debit.reason
    )


def _postings_of(call: SettledCall) -> list[Posting]:
    postings = []
    for component, amount_micros in call.cost:
        revenue = f"revenue.{component}"
        postings.append(
            Posting(call.n, call.tenant, FUNDS, revenue, amount_micros, revenue, call.call_id)
        )
    if call.overrun_micros:
        postings.append(
            Posting(call.n, call.tenant, OVERRUN, FUNDS, call.overrun_micros, OVERRUN, call.call_id)
        )
    return postings


def _posting_of(debit: PostedDebit) -> Posting:
    return Posting(
        debit.n,
        debit.tenant,
        FUNDS,
        ADJUSTMENTS,
        debit.amount_micros,
        "debit",
        request_id=debit.request_id,
        reason=debit.reason,
    )


def _return_id(debit: ForcedReturn) -> int:
    return return_id_of(debit.request_id) or 0


def _return(plan: Plan, debit: ForcedReturn, intent: Return) -> None:
    """What was there comes out of the funds, the rest the tenant owes."""
    clearing, request_id = f"clearing.{intent.provider}", debit.request_id
    owed_micros = intent.amount_micros - debit.amount_micros
    row = Posting(debit.n, debit.tenant, FUNDS, clearing, debit.amount_micros, "return")
    if debit.amount_micros:
        plan.postings.append(row._replace(request_id=request_id))
    if owed_micros:
        row = Posting(None, debit.tenant, RECEIVABLE, clearing, owed_micros, "return_owed")
        plan.postings.append(row._replace(request_id=request_id))
    plan.returned.append((intent.id, debit.amount_micros))
