"""Rows that appear before their money does: a top-up has its number while it is pending.

Whoever opens a row posts the money later under the row's key as request id: the posting finds the
row and makes it succeeded. Both work in the caller's transaction.
"""

from datetime import datetime
from typing import NamedTuple

from ledger.pool import Connection
from ledger.sql import statements

SQL = statements("history")


class Opening(NamedTuple):
    """What a row is opened with; `amount_micros` is what it would move."""

    key: str
    kind: str
    at: datetime
    amount_micros: int
    provider: str = ""
    details_url: str = ""


async def open_row(connection: Connection, tenant: str, opening: Opening) -> int:
    """Adds a pending row and returns its number."""
    number = int(await connection.fetchval(SQL["next_number"], tenant))
    await connection.execute(SQL["insert_pending"], tenant, number, *opening)
    return number


async def set_details(connection: Connection, tenant: str, key: str, url: str) -> None:
    """Keeps the provider's page about the payment."""
    await connection.execute(SQL["set_details"], tenant, key, url)


async def mark_row(connection: Connection, tenant: str, key: str, status: str) -> None:
    """Notes that a row failed, was refunded or is disputed; moves no money."""
    await connection.execute(SQL["mark_row"], tenant, key, status)
