"""Outbox entries as values: what the script queued for the ledger, in order of n."""

from typing import Any, NamedTuple

import msgpack

from quota.decision import Event


class SettledEntry(NamedTuple):
    """A closed call: everything that its posting needs. Amounts in micros."""

    n: int
    tenant: str
    call_id: str
    settled_at_ms: int
    pin: str
    model: str
    parties: bytes
    assistant_id: str
    authorized_at_ms: int
    elapsed_ms: int
    rated: int
    charged: int
    overrun: int
    usage: bytes
    free_ms: int
    spend_by_day: tuple[tuple[str, int], ...]
    digest: bytes
    times: bytes
    outcome: int


class DebitedEntry(NamedTuple):
    """Money taken by a debit."""

    n: int
    tenant: str
    key: str
    at_ms: int
    amount: int
    digest: bytes
    note: bytes


class CrossingEntry(NamedTuple):
    """A line that a tenant crossed: `value` is what it had or spent, `line` the line itself."""

    n: int
    tenant: str
    event: Event
    at_ms: int
    value: int
    line: int


class UnreadableEntry(NamedTuple):
    """An entry that is not what the script writes; it must not hold up those behind it."""

    n: int
    tenant: str
    packed: bytes


OutboxEntry = SettledEntry | DebitedEntry | CrossingEntry | UnreadableEntry

NOBODY = "?"  # no tenant has this id


def _settled(n: int, tenant: str, key: bytes, at_ms: int, call: list[Any]) -> SettledEntry:
    pin, model, parties, assistant, authorized_at, elapsed, rated, charged, overrun, *rest = call
    usage, free_ms, days, digest, times, outcome = rest
    return SettledEntry(
        n=n,
        tenant=tenant,
        call_id=key.decode(),
        settled_at_ms=at_ms,
        pin=pin.decode(),
        model=model.decode(),
        parties=parties,
        assistant_id=assistant.decode(),
        authorized_at_ms=authorized_at,
        elapsed_ms=elapsed,
        rated=rated,
        charged=charged,
        overrun=overrun,
        usage=usage,
        free_ms=free_ms,
        spend_by_day=tuple((day.decode(), micros) for day, micros in days or ()),
        digest=digest,
        times=times,
        outcome=outcome,
    )


def decode_entry(n: int, packed: bytes) -> OutboxEntry:
    """Unpacks the field `e` of outbox entry `n-0`; UnreadableEntry when that cannot be done."""
    try:
        return _decode(n, packed)
    except (ValueError, TypeError, IndexError, AttributeError, msgpack.UnpackException):
        return UnreadableEntry(n, NOBODY, packed)


def _decode(n: int, packed: bytes) -> OutboxEntry:
    event, tenant_bytes, key, at_ms, *rest = msgpack.unpackb(packed, raw=True)
    tenant = tenant_bytes.decode()
    if event == Event.SETTLED:
        return _settled(n, tenant, key, at_ms, rest[0])
    if event == Event.DEBITED:
        return DebitedEntry(n, tenant, key.decode(), at_ms, *rest)
    return CrossingEntry(n, tenant, Event(event), at_ms, *rest)
