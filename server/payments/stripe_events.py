"""From a Stripe event to what it tells of a top-up; pure, and strict about every field it uses."""

import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from ledger.payments.facts import Dispute, Facts, Refund
from ledger.payments.top_up import Notice

MAX_REF = 255

Fields = Mapping[str, Any]


class Malformed(Exception):
    """The body is no event that can be used."""


class StripeEvent(NamedTuple):
    """An event: where it happened, and what it tells; `notice` is None for one that tells nothing
    of a top-up.
    """

    livemode: bool
    account: str
    kind: str
    notice: Notice | None


def parse(body: bytes) -> StripeEvent:
    """Reads the body of a webhook. Raises Malformed."""
    try:
        event = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Malformed("body") from error
    if not isinstance(event, dict):
        raise Malformed("body")
    livemode = event.get("livemode")
    if not isinstance(livemode, bool):
        raise Malformed("livemode")
    kind = _text(event, "type")
    read = _READERS.get(kind)
    notice = None if read is None else _notice(event, kind, read)
    return StripeEvent(livemode, _text(event, "account", ""), kind, notice)


def _notice(
    event: Fields, kind: str, read: Callable[[Fields, Fields, str], Notice | None]
) -> Notice | None:
    data = event.get("data")
    thing = data.get("object") if isinstance(data, dict) else None
    if not isinstance(thing, dict):
        raise Malformed("data.object")
    notice = read(event, thing, kind)
    # Every payment of ours has an intent: charges without one are of something else.
    names_nothing = notice is not None and not (notice.top_up or notice.payment_ref)
    return None if names_nothing else notice


def _session(event: Fields, session: Fields, kind: str) -> Notice | None:
    """None for a session of something else that the account sells. Ours are marked; what else
    sells here may use client_reference_id for its own.
    """
    top_up = _marked(session)
    if not top_up or _text(session, "mode", "payment") != "payment":
        return None
    paid = kind in _PAID and session.get("payment_status") == "paid"
    return Notice(
        event_id=_text(event, "id"),
        kind=kind,
        facts=Facts(
            paid=paid,
            failed=kind == "checkout.session.async_payment_failed",
            expired=kind == "checkout.session.expired",
        ),
        top_up=top_up,
        provider_ref=_text(session, "id"),
        payment_ref=_text(session, "payment_intent", ""),
        pay_minor=_amount(session, "amount_total"),
        pay_currency=_text(session, "currency").upper(),
    )


def _charge(event: Fields, charge: Fields, kind: str) -> Notice:
    return Notice(
        event_id=_text(event, "id"),
        kind=kind,
        facts=Facts(refunded_minor=_amount(charge, "amount_refunded")),
        top_up=_marked(charge),
        payment_ref=_text(charge, "payment_intent", ""),
        pay_minor=_amount(charge, "amount"),
        pay_currency=_text(charge, "currency").upper(),
    )


def _refund(event: Fields, refund: Fields, kind: str) -> Notice:
    failed = _text(refund, "status", "") in ("failed", "canceled")
    told = Refund(_amount(refund, "amount"), failed)
    return Notice(
        event_id=_text(event, "id"),
        kind=kind,
        facts=Facts(refunds={_text(refund, "id"): told}),
        payment_ref=_text(refund, "payment_intent", ""),
        pay_currency=_text(refund, "currency").upper(),
    )


def _dispute(event: Fields, dispute: Fields, kind: str) -> Notice:
    status = _text(dispute, "status")
    facts = Facts()
    # Inquiries (warning_…) and prevented disputes take no money.
    if status in _OPEN or status in _CLOSED:
        at, minor = _amount(event, "created"), _amount(dispute, "amount")
        told = Dispute(status in _CLOSED, at, status == "lost", minor)
        facts = Facts(disputes={_text(dispute, "id"): told})
    return Notice(
        event_id=_text(event, "id"),
        kind=kind,
        facts=facts,
        payment_ref=_text(dispute, "payment_intent", ""),
        pay_currency=_text(dispute, "currency").upper() if facts.disputes else "",
    )


_PAID = ("checkout.session.completed", "checkout.session.async_payment_succeeded")
_OPEN = ("needs_response", "under_review")
_CLOSED = ("won", "lost")
_READERS: Mapping[str, Callable[[Fields, Fields, str], Notice | None]] = {
    **dict.fromkeys(
        (*_PAID, "checkout.session.async_payment_failed", "checkout.session.expired"), _session
    ),
    "charge.refunded": _charge,
    **dict.fromkeys(
        ("refund.created", "refund.updated", "refund.failed", "charge.refund.updated"), _refund
    ),
    **dict.fromkeys(
        (
            "charge.dispute.created",
            "charge.dispute.updated",
            "charge.dispute.closed",
            "charge.dispute.funds_withdrawn",
            "charge.dispute.funds_reinstated",
        ),
        _dispute,
    ),
}


def _marked(thing: Fields) -> str:
    """The top-up that the metadata of a session or charge names."""
    metadata = thing.get("metadata")
    return _text(metadata, "top_up_id", "") if isinstance(metadata, dict) else ""


def _text(fields: Fields, name: str, absent: str | None = None) -> str:
    value = fields.get(name)
    if value is None and absent is not None:
        return absent
    if not (isinstance(value, str) and 0 < len(value) <= MAX_REF and value.isprintable()):
        raise Malformed(name)
    return value


def _amount(fields: Fields, name: str) -> int:
    value = fields.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 10**15:
        raise Malformed(name)
    return value
