"""Events as values. Writing one queues it for every receiver, by a trigger of the table."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

from ledger.pool import Connection
from ledger.sql import statements

SQL = statements("notifications")


class Kind(StrEnum):
    """What happened. In an event's details amounts are micros of the tenant's currency:

    - low_balance, balance_exhausted, daily_cap_reached, daily_cap_lifted: `value_micros`, what the
      tenant had, or had spent; `line_micros`, the line that was crossed;
    - payment_received, payment_failed: `top_up`, `number`, `credit_micros`, `pay_currency`,
      `pay_minor`;
    - document_issued: `document`, `email`, and `asked_for` when it is sent again.
    """

    LOW_BALANCE = "low_balance"
    BALANCE_EXHAUSTED = "balance_exhausted"
    DAILY_CAP_REACHED = "daily_cap_reached"
    DAILY_CAP_LIFTED = "daily_cap_lifted"
    PAYMENT_RECEIVED = "payment_received"
    PAYMENT_FAILED = "payment_failed"
    DOCUMENT_ISSUED = "document_issued"
    TEST = "test"


# What a tenant chooses from; the others go out whatever it chose.
CHOSEN = tuple(kind for kind in Kind if kind not in (Kind.DOCUMENT_ISSUED, Kind.TEST))


async def write_event(
    connection: Connection, tenant: str, kind: Kind, at: datetime | None, details: Mapping[str, Any]
) -> str:
    """Writes an event within a transaction, with what caused it, and returns its id. Without
    `at` it happens now.
    """
    return str(await connection.fetchval(SQL["write_event"], tenant, kind, at, dict(details)))
