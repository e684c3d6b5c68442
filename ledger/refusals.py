"""Refused calls: how many per tenant, day and reason, and the newest of them in detail."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from ledger.columns import columns
from ledger.pool import Connection, Pool
from ledger.sql import statements
from ledger.transaction import reading, transact

SQL = statements("refusals")

KEPT_PER_TENANT = 1_000


class RefusalKey(NamedTuple):
    """What refusals are counted by; `day` is YYYYMMDD in the tenant's time zone."""

    tenant: str
    day: str
    reason: str


class Refusal(NamedTuple):
    """One refused call; `direction` is the number of the contract."""

    tenant: str
    at: datetime
    reason: str
    call_id: str
    model: str
    caller: str
    callee: str
    direction: int
    assistant_id: str


class Refusals:
    """Statistics, not money: after an unknown outcome a group may be counted twice or not at
    all. Refusals of tenants that do not exist are dropped, for anybody can cause those.
    """

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def flush(self, counts: Mapping[RefusalKey, int], details: Sequence[Refusal]) -> None:
        """Adds to the counts, and keeps the newest 1,000 details of each tenant.

        `details` come in the order of their times. Raises LedgerUnavailable.
        """

        async def work(connection: Connection) -> None:
            if counts:
                rows = ((*key, count) for key, count in counts.items())
                await connection.execute(SQL["add_counts"], *columns(rows))
            if details:
                await connection.execute(SQL["insert_refusals"], *columns(details))
                tenants = sorted({refusal.tenant for refusal in details})
                await connection.execute(SQL["trim_refusals"], tenants, KEPT_PER_TENANT)

        await transact(self._pool, work)

    async def latest(self, tenant: str, limit: int) -> Sequence[Refusal]:
        """The newest refusals of a tenant, the newest first."""
        async with reading(self._pool) as connection:
            rows = await connection.fetch(SQL["latest_refusals"], tenant, limit)
        return [Refusal(*row) for row in rows]

    async def counts(self, tenant: str, first_day: str, last_day: str) -> dict[RefusalKey, int]:
        """The counts of a tenant from one day to another (YYYYMMDD), both included."""
        async with reading(self._pool) as connection:
            rows = await connection.fetch(SQL["count_refusals"], tenant, first_day, last_day)
        return {RefusalKey(tenant, row["day"], row["reason"]): row["count"] for row in rows}
