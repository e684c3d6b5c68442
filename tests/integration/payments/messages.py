"""Messages of payment providers as they send them, signed with the test's secrets."""

import hashlib
import hmac
import itertools
import json
import time
from typing import Any
from urllib.parse import urlencode

from server.payments.robokassa import signature
from tollgate.v1 import payments_pb2 as pb

STRIPE_SECRET = "whsec_test"
SHOP = {"login": "shop", "password1": "pw1", "password2": "pw2"}

_numbers = itertools.count(1)


def stripe_header(body: bytes, secret: str = STRIPE_SECRET, at: float | None = None) -> str:
    """The Stripe-Signature of a body."""
    moment = str(int(time.time() if at is None else at))
    mac = hmac.new(secret.encode(), f"{moment}.".encode() + body, hashlib.sha256)
    return f"t={moment},v1={mac.hexdigest()}"


def event(kind: str, thing: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """An event under a new id."""
    return {
        "id": f"evt_{next(_numbers)}",
        "object": "event",
        "type": kind,
        "livemode": False,
        "created": int(time.time()),
        "data": {"object": thing},
    } | fields


def session(top_up: pb.TopUp, **fields: Any) -> dict[str, Any]:
    """The Checkout session of a top-up, as the fake Stripe made it."""
    return {
        "id": f"cs_{top_up.top_up_id}",
        "object": "checkout.session",
        "mode": "payment",
        "client_reference_id": top_up.top_up_id,
        "metadata": {"top_up_id": top_up.top_up_id},
        "payment_intent": payment_of(top_up),
        "payment_status": "paid",
        "amount_total": top_up.pay_amount_minor,
        "currency": top_up.pay_currency.lower(),
    } | fields


def payment_of(top_up: pb.TopUp) -> str:
    """The payment intent of a top-up."""
    return f"pi_{top_up.top_up_id}"


def completed(top_up: pb.TopUp, **fields: Any) -> dict[str, Any]:
    """The payment came."""
    return event("checkout.session.completed", session(top_up, **fields))


def charge_refunded(top_up: pb.TopUp, minor: int) -> dict[str, Any]:
    """So much of a payment was refunded by now."""
    charge = {
        "id": f"ch_{top_up.top_up_id}",
        "object": "charge",
        "payment_intent": payment_of(top_up),
        "metadata": {"top_up_id": top_up.top_up_id},
        "amount": top_up.pay_amount_minor,
        "amount_refunded": minor,
        "currency": top_up.pay_currency.lower(),
    }
    return event("charge.refunded", charge)


def refund(
    top_up: pb.TopUp, minor: int, refund_id: str = "re_1", status: str = "succeeded"
) -> dict[str, Any]:
    """One refund and where it stands."""
    kind = "refund.failed" if status == "failed" else "refund.updated"
    thing = {
        "id": refund_id,
        "object": "refund",
        "payment_intent": payment_of(top_up),
        "amount": minor,
        "currency": top_up.pay_currency.lower(),
        "status": status,
    }
    return event(kind, thing)


def dispute(top_up: pb.TopUp, status: str, minor: int = 0, **fields: Any) -> dict[str, Any]:
    """A dispute over a payment, or a part of it, and where it stands."""
    kind = "closed" if status in ("won", "lost", "warning_closed") else "created"
    thing = {
        "id": "dp_1",
        "object": "dispute",
        "payment_intent": payment_of(top_up),
        "amount": minor or top_up.pay_amount_minor,
        "currency": top_up.pay_currency.lower(),
        "status": status,
    }
    return event(f"charge.dispute.{kind}", thing, **fields)


def packed(message: dict[str, Any]) -> bytes:
    """An event as it travels."""
    return json.dumps(message).encode()


def result(
    number: int, out_sum: str, *, algorithm: str = "md5", password: str = "", **fields: str
) -> bytes:
    """A signed message to Robokassa's ResultURL; `fields` are not signed, but shp_ ones are."""
    own = [f"{name}={fields[name]}" for name in sorted(fields) if name.lower().startswith("shp_")]
    secret = password or SHOP["password2"]
    signed = signature(algorithm, [out_sum, str(number), secret, *own])
    given = {"OutSum": out_sum, "InvId": str(number), "SignatureValue": signed} | fields
    return urlencode(given).encode()
