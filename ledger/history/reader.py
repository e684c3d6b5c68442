"""Reads the payment history of one tenant at a time."""

from collections.abc import Sequence
from datetime import date

from ledger.call import NEWEST_CALL, CallFilter, PagePosition, SettledCallRecord
from ledger.calls import call_record
from ledger.errors import UnknownTenant, UnknownTransaction
from ledger.history.row import HistoryFilter, HistoryRow, MonthTotals, NumberedRefusal
from ledger.pool import Pool
from ledger.sql import statements
from ledger.transaction import reading

SQL = statements("history")

NEWEST = 2**63 - 1


class History:
    """Every method raises LedgerUnavailable. Days are the tenant's, and included."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def month(self, tenant: str, first_day: date, last_day: date) -> MonthTotals:
        """What the days add up to, and the funds now. Raises UnknownTenant."""
        async with reading(self._pool) as connection:
            row = await connection.fetchrow(SQL["month"], tenant, first_day, last_day)
        if row is None:
            raise UnknownTenant("there is no such tenant")
        return MonthTotals(*row)

    async def daily_spend(
        self, tenant: str, first_day: date, last_day: date
    ) -> Sequence[tuple[date, int]]:
        """What posted calls charged on each day, by the charge's day."""
        async with reading(self._pool) as connection:
            rows = await connection.fetch(SQL["daily_spend"], tenant, first_day, last_day)
        return [(row["day"], row["amount_micros"]) for row in rows]

    async def rows(
        self, tenant: str, asked: HistoryFilter, limit: int, before_number: int = NEWEST
    ) -> Sequence[HistoryRow]:
        """At most `limit` rows, the highest number first, from below `before_number`."""
        async with reading(self._pool) as connection:
            rows = await connection.fetch(SQL["list_rows"], tenant, *asked, before_number, limit)
        return [HistoryRow(*row) for row in rows]

    async def calls_of(
        self,
        tenant: str,
        number: int,
        asked: CallFilter,
        limit: int,
        page_position: PagePosition = NEWEST_CALL,
    ) -> Sequence[SettledCallRecord]:
        """At most `limit` of the calls that row `number` gathers, the newest settlement first.

        Raises UnknownTransaction.
        """
        async with reading(self._pool) as connection:
            found = await connection.fetchrow(SQL["find_row"], tenant, number)
            if found is None:
                raise UnknownTransaction("the history has no such row")
            row = HistoryRow(*found)
            if not row.gathered:
                return []
            rows = await connection.fetch(
                SQL["list_gathered_calls"],
                *(tenant, *asked, *page_position, limit),
                *(row.day, row.kind),
            )
        return [call_record(each) for each in rows]

    async def refusals(
        self, tenant: str, limit: int, before_id: int = NEWEST
    ) -> Sequence[NumberedRefusal]:
        """At most `limit` of the refused calls that are kept, the newest first."""
        async with reading(self._pool) as connection:
            rows = await connection.fetch(SQL["list_refusals"], tenant, before_id, limit)
        return [NumberedRefusal(*row) for row in rows]
