"""What an audit reads: balances as of given numbers, and whether the ledger agrees with itself."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from ledger.errors import EpochChanged
from ledger.pool import Connection, Pool
from ledger.sql import statements
from ledger.transaction import reading, transact

SQL = statements("audit")

# Adding up all postings reads the whole table.
UNBALANCED_TIMEOUT_S = 300.0


class SetAside(NamedTuple):
    """An outbox entry that could not be posted; `amount_micros` is what it charged live, None when
    it cannot be read. `key` is the call id or request id.
    """

    shard: int
    epoch: int
    n: int
    tenant_id: str
    key: str
    why: str
    set_aside_at: datetime
    amount_micros: int | None


class AuditReader:
    """Reads only. Every method raises LedgerUnavailable."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def balances_as_of(
        self, shard: int, epoch: int, readings: Sequence[tuple[str, int, int]]
    ) -> dict[str, int]:
        """The funds in micros, by tenant, as of each reading (tenant, version, n).

        What was posted with a higher version, or with a higher n in this epoch of the shard, is
        taken off again. Unknown tenants are left out. Raises EpochChanged when the shard is in
        another epoch, in which these numbers mean nothing.
        """
        if not readings:
            return {}
        tenants, versions, numbers = zip(*readings, strict=True)
        async with reading(self._pool) as connection:
            rows = await connection.fetch(
                SQL["balances_as_of"], shard, epoch, tenants, versions, numbers
            )
            if not rows and await connection.fetchval(SQL["find_epoch"], shard) != epoch:
                raise EpochChanged(f"shard {shard} is not in epoch {epoch}")
        return {row["tenant"]: row["balance_micros"] for row in rows}

    async def unbalanced(self) -> Mapping[str, int]:
        """By currency, what does not add up, in micros; all 0 is well.

        It is how far the sum of all postings is from zero, and how far each running balance is
        from the sum of its postings.
        """

        async def work(connection: Connection) -> Mapping[str, int]:
            await connection.execute("SET LOCAL statement_timeout = 0")
            rows = await connection.fetch(SQL["unbalanced"], timeout=UNBALANCED_TIMEOUT_S)
            return {row["currency"]: row["unbalanced_micros"] for row in rows}

        return await transact(self._pool, work)

    async def set_aside_count(self, tenant: str = "") -> int:
        """How many outbox entries, of one tenant or of all, wait for an operator."""
        async with reading(self._pool) as connection:
            return int(await connection.fetchval(SQL["set_aside_count"], tenant))

    async def set_aside(self, tenant: str, limit: int) -> Sequence[SetAside]:
        """At most `limit` of them, the latest first."""
        async with reading(self._pool) as connection:
            rows = await connection.fetch(SQL["list_set_aside"], tenant, limit)
        return [SetAside(*row) for row in rows]
