"""Reads whole histories as of one moment, a small portion at a time, through a server's cursor."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import date

from ledger.call import SettledCallRecord
from ledger.calls import call_record
from ledger.driver_errors import driver_errors
from ledger.history.row import HistoryFilter, HistoryRow, NumberedRefusal
from ledger.pool import Pool, Row
from ledger.sql import statements
from ledger.transaction import ACQUIRE_TIMEOUT_S

SQL = statements("history")

# What is held of an export at any time; small, because nothing else runs while rows are written.
PORTION = 100
PATIENCE_S = 60


class HistoryExport:
    """Each method yields what there is, however much, in constant memory.

    An export holds a connection until it ends; Postgres ends one that is not continued for a
    minute. Raises LedgerUnavailable.
    """

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def rows(self, tenant: str, asked: HistoryFilter) -> AsyncGenerator[HistoryRow, None]:
        """Rows of the history by number."""
        async with aclosing(self._stream("export_rows", tenant, *asked)) as rows:
            async for row in rows:
                yield HistoryRow(*row)

    async def calls(
        self, tenant: str, first_day: date | None, last_day: date | None
    ) -> AsyncGenerator[SettledCallRecord, None]:
        """Settled calls by settlement, without late usage."""
        async with aclosing(self._stream("export_calls", tenant, first_day, last_day)) as rows:
            async for row in rows:
                yield call_record(row)

    async def refusals(
        self, tenant: str, first_day: date | None, last_day: date | None
    ) -> AsyncGenerator[NumberedRefusal, None]:
        """The refused calls that are kept, by their times."""
        async with aclosing(self._stream("export_refusals", tenant, first_day, last_day)) as rows:
            async for row in rows:
                yield NumberedRefusal(*row)

    async def _stream(self, statement: str, *arguments: object) -> AsyncGenerator[Row, None]:
        with driver_errors():
            async with (
                self._pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection,
                connection.transaction(isolation="repeatable_read", readonly=True),
            ):
                # Every export follows an index; a sort would read everything before the first row.
                await connection.execute("SET LOCAL enable_sort = off")
                await connection.execute(
                    f"SET LOCAL idle_in_transaction_session_timeout = '{PATIENCE_S}s'"
                )
                async for row in connection.cursor(SQL[statement], *arguments, prefetch=PORTION):
                    yield row
