"""Deliveries for tests."""

from datetime import UTC, datetime
from typing import Any

from ledger.notifications.event import Kind
from ledger.notifications.notification import Channel
from ledger.notifications.queue import Delivery

AT = datetime(2026, 3, 12, 11, 32, tzinfo=UTC)
CROSSING = {"value_micros": 9_876_543, "line_micros": 10_000_000}
PAYMENT = {
    "top_up": "tu_1",
    "number": 17,
    "credit_micros": 50_000_000,
    "pay_currency": "RUB",
    "pay_minor": 462_284,
}
DETAILS: dict[Kind, dict[str, Any]] = {
    Kind.LOW_BALANCE: CROSSING,
    Kind.BALANCE_EXHAUSTED: CROSSING,
    Kind.DAILY_CAP_REACHED: CROSSING,
    Kind.DAILY_CAP_LIFTED: CROSSING,
    Kind.PAYMENT_RECEIVED: PAYMENT,
    Kind.PAYMENT_FAILED: PAYMENT,
    Kind.DOCUMENT_ISSUED: {"document": "doc-1", "email": "buh@example.ru"},
    Kind.TEST: {},
}
# What the writer adds to an event.
FIGURES: dict[Kind, dict[str, Any]] = {
    Kind.LOW_BALANCE: {"ends": None},
    Kind.DOCUMENT_ISSUED: {
        "title": "Счёт на оплату № 17",
        "amount": "100,00 ₽",
        "customer": "ООО «Наковальня»",
        "seller": "ООО «Кузница»",
    },
}


def delivery(kind: Kind = Kind.LOW_BALANCE, language: str = "en", **changes: Any) -> Delivery:
    """A delivery to a technician in Moscow."""
    sample = Delivery(
        id="ntf_1",
        event="evt_1",
        kind=kind,
        at=AT,
        details=DETAILS[kind],
        tenant="technomaster",
        tenant_name="ТехноМастер",
        currency="USD",
        time_zone="Europe/Moscow",
        language=language,
        channel=Channel.EMAIL,
        target="it@example.com",
        secrets=("whsec_test",),
        attempts=1,
        queued_at=AT,
    )
    return sample._replace(**changes)
