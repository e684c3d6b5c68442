"""Reads settled calls, and records what is reported after a call was closed."""

from collections.abc import Mapping, Sequence
from typing import Any

from ledger.call import NEWEST_CALL, CallFilter, LateUsage, PagePosition, SettledCallRecord
from ledger.pool import Pool, Row
from ledger.sql import statements
from ledger.transaction import reading

SQL = statements("calls")

_PLAIN_COLUMNS = tuple(
    name
    for name in SettledCallRecord.__slots__
    if name not in ("cost", "spend_by_day", "late_usage")
)


class Calls:
    """Settled calls of one tenant at a time. Every method raises LedgerUnavailable."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def find(self, tenant: str, call_id: str) -> SettledCallRecord | None:
        """One call; None when the ledger does not hold it."""
        async with reading(self._pool) as connection:
            row = await connection.fetchrow(SQL["find_call"], tenant, call_id)
        return None if row is None else call_record(row)

    async def list(
        self,
        tenant: str,
        asked: CallFilter,
        limit: int,
        page_position: PagePosition = NEWEST_CALL,
    ) -> Sequence[SettledCallRecord]:
        """At most `limit` calls, the newest settlement first.

        The next page follows the last call's `page_position`.
        """
        async with reading(self._pool) as connection:
            rows = await connection.fetch(SQL["list_calls"], tenant, *asked, *page_position, limit)
        return [call_record(row) for row in rows]

    async def record_late_usage(
        self, tenant: str, call_id: str, usage: Mapping[str, int], elapsed_ms: int | None
    ) -> None:
        """Keeps the highest quantity of each meter. Raises UnknownCall."""
        async with reading(self._pool) as connection:
            await connection.execute(
                SQL["record_late_usage"], tenant, call_id, dict(usage), elapsed_ms
            )


def call_record(row: Row) -> SettledCallRecord:
    """A row with all columns of a call and of its late usage."""
    values: dict[str, Any] = {name: row[name] for name in _PLAIN_COLUMNS}
    late = row["late_quantities"]
    return SettledCallRecord(
        **values,
        cost=_pairs(row["cost"]),
        spend_by_day=_pairs(row["spend_by_day"]),
        late_usage=None if late is None else LateUsage(late, row["late_elapsed_ms"]),
    )


def _pairs(array: list[list[Any]]) -> tuple[tuple[str, int], ...]:
    return tuple((name, amount_micros) for name, amount_micros in array)
