"""From an outbox entry to what the ledger posts: rated a second time, set aside when it differs."""

import json
from datetime import UTC, datetime
from typing import Any

from ledger.entry import Aside, Crossing, Entry, ForcedReturn, PostedDebit, SettledCall
from ledger.errors import LedgerUnavailable, NotAllowed
from ledger.payments.top_up import return_id_of
from ledger.pin import Pin
from quota.decision import Event
from quota.operation import NONE
from quota.outbox import DebitedEntry, OutboxEntry, SettledEntry, UnreadableEntry
from server.calls.packing import Parties, Times, unpack_usage
from server.calls.price_book import PriceBook

_CROSSINGS = {
    Event.LOW_BALANCE: "low_balance",
    Event.BALANCE_EXHAUSTED: "balance_exhausted",
    Event.DAILY_CAP_REACHED: "daily_cap_reached",
    Event.DAILY_CAP_LIFTED: "daily_cap_lifted",
}


async def compose(entry: OutboxEntry, book: PriceBook) -> Entry:
    """The ledger's entry. Raises LedgerUnavailable while prices cannot be read."""
    if isinstance(entry, SettledEntry):
        try:
            return await _settled(entry, book)
        except LedgerUnavailable:
            raise
        except (NotAllowed, ValueError, RuntimeError) as error:
            return _aside(entry, f"cannot be rated: {type(error).__name__}")
    if isinstance(entry, UnreadableEntry):
        return Aside(entry.n, entry.tenant, "", "cannot be read", {"packed": entry.packed.hex()})
    if isinstance(entry, DebitedEntry):
        request_id = entry.key.removeprefix("!")
        if return_id_of(request_id) is not None:
            return ForcedReturn(entry.n, entry.tenant, request_id, entry.digest, entry.amount)
        reason = entry.note.decode()
        return PostedDebit(entry.n, entry.tenant, request_id, entry.digest, entry.amount, reason)
    kind, at = _CROSSINGS[entry.event], _moment(entry.at_ms)
    line = None if entry.line == NONE else entry.line  # a cap that was removed
    return Crossing(entry.n, entry.tenant, kind, at, entry.value, line)


async def _settled(entry: SettledEntry, book: PriceBook) -> Entry:
    pin = Pin.parse(entry.pin)
    pricing = await book.pinned(entry.pin, entry.model)
    usage = unpack_usage(entry.usage)
    free = entry.elapsed_ms < pricing.free_ms
    rated = pricing.rate(usage)
    total = 0 if free else rated.total_micros
    if total != entry.rated or entry.charged + entry.overrun != entry.rated:
        return _aside(entry, f"rated {entry.rated} micros live, {total} here")
    parties, times = Parties.unpack(entry.parties), Times.unpack(entry.times)
    return SettledCall(
        n=entry.n,
        tenant=entry.tenant,
        call_id=entry.call_id,
        model=entry.model,
        tariff=pin.tariff,
        tariff_version=pin.version,
        analytics=pin.analytics,
        caller=parties.caller,
        callee=parties.callee,
        direction=parties.direction,
        assistant_id=entry.assistant_id,
        authorized_at=_moment(entry.authorized_at_ms),
        started_at=_moment_or_none(times.started_ms),
        answered_at=_moment_or_none(times.answered_ms),
        ended_at=_moment_or_none(times.ended_ms),
        settled_at=_moment(entry.settled_at_ms),
        outcome=entry.outcome,
        elapsed_ms=None if entry.elapsed_ms == NONE else entry.elapsed_ms,
        usage=usage,
        cost=() if free else rated.components,
        rated_micros=entry.rated,
        charged_micros=entry.charged,
        overrun_micros=entry.overrun,
        spend_by_day=entry.spend_by_day,
        settle_digest=entry.digest,
    )


def _aside(entry: SettledEntry, why: str) -> Aside:
    payload: dict[str, Any] = json.loads(json.dumps(entry._asdict(), default=_hex))
    return Aside(entry.n, entry.tenant, entry.call_id, why, payload)


def _hex(value: object) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)


def _moment(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)


def _moment_or_none(ms: int | None) -> datetime | None:
    return None if ms is None else _moment(ms)
