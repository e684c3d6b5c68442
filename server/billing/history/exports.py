"""CSV files, streamed row by row from one moment of the ledger."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from zoneinfo import ZoneInfo

from ledger.history.exporting import HistoryExport
from ledger.history.row import HistoryFilter
from server.billing.form import Form
from server.billing.history.csv_text import BYTE_ORDER_MARK, Dialect, dialect_of
from server.billing.history.tables import (
    CALL_COLUMNS,
    REFUSAL_COLUMNS,
    TRANSACTION_COLUMNS,
    call_cells,
    cdr_row,
    refusal_cells,
    transaction_cells,
)
from server.billing.history.transactions import filter_of
from server.billing.history.wording import WORDINGS, Wording
from server.calls.directory import TenantDirectory
from server.calls.masking import shown_number
from server.calls.price_book import PriceBook
from server.errors import FailedPrecondition, Overloaded
from tollgate.v1 import history_pb2 as pb

CHUNK_BYTES = 32 * 1024
# Each holds a connection to the ledger, of which posting needs some, too.
MAX_EXPORTS = 4
# A tenant that reads slowly must not keep its connection, nor the ledger its old rows, for ever.
LIMIT_S = 600
RETRY_MS = 2_000

TABLES = frozenset(
    {
        pb.EXPORT_TABLE_TRANSACTIONS,
        pb.EXPORT_TABLE_CALLS,
        pb.EXPORT_TABLE_REFUSALS,
        pb.EXPORT_TABLE_CDR,
    }
)
Lines = AsyncGenerator[str, None]


class ExportDesk:
    """Writes files of any length; what it holds does not grow with them."""

    def __init__(self, export: HistoryExport, directory: TenantDirectory, book: PriceBook) -> None:
        self._export, self._directory, self._book = export, directory, book
        self._running: set[str] = set()

    async def export(
        self, request: pb.ExportHistoryRequest
    ) -> AsyncGenerator[pb.ExportHistoryResponse, None]:
        """The file in pieces; one at a time for a tenant. Raises InvalidFields, Overloaded,
        FailedPrecondition when it takes too long.
        """
        form = Form()
        form.id("tenant_id", request.tenant_id)
        if request.table not in TABLES:
            form.wrong("table", "must be one of the contract's tables")
        asked = filter_of(form, request)
        form.done()
        known = await self._directory.known(request.tenant_id)
        if request.tenant_id in self._running:
            raise Overloaded(RETRY_MS, "an export of this tenant is running; one runs at a time")
        if len(self._running) >= MAX_EXPORTS:
            raise Overloaded(RETRY_MS, f"{MAX_EXPORTS} exports are running already")
        self._running.add(request.tenant_id)
        try:
            zone = known.profile.zone_at(known.day.day_end_ms - 1)
            lines = self._lines(request, asked, zone, known.profile.currency)
            async with (
                asyncio.timeout(LIMIT_S),
                aclosing(pieces(lines, request.byte_order_mark)) as chunks,
            ):
                async for chunk in chunks:
                    yield pb.ExportHistoryResponse(chunk=chunk)
        except TimeoutError as error:
            raise _too_long() from error
        finally:
            self._running.remove(request.tenant_id)

    def _lines(
        self, request: pb.ExportHistoryRequest, asked: HistoryFilter, zone: ZoneInfo, currency: str
    ) -> Lines:
        wording, dialect = WORDINGS[request.language], dialect_of(request.language, zone)
        if request.table == pb.EXPORT_TABLE_TRANSACTIONS:
            return self._transactions(request.tenant_id, asked, wording, dialect, currency)
        if request.table == pb.EXPORT_TABLE_CALLS:
            return self._calls(request.tenant_id, asked, wording, dialect, currency)
        if request.table == pb.EXPORT_TABLE_REFUSALS:
            return self._refusals(request.tenant_id, asked, wording, dialect)
        return self._cdrs(request.tenant_id, asked)

    async def _transactions(
        self, tenant: str, asked: HistoryFilter, wording: Wording, dialect: Dialect, currency: str
    ) -> Lines:
        yield dialect.row(wording.headings[name] for name in TRANSACTION_COLUMNS)
        async with aclosing(self._export.rows(tenant, asked)) as rows:
            async for row in rows:
                yield dialect.row(transaction_cells(row, wording, currency))

    async def _calls(
        self, tenant: str, asked: HistoryFilter, wording: Wording, dialect: Dialect, currency: str
    ) -> Lines:
        yield dialect.row(wording.headings[name] for name in CALL_COLUMNS)
        async with aclosing(self._export.calls(tenant, asked.first_day, asked.last_day)) as calls:
            async for call in calls:
                items = await self._book.itemise(call)
                yield dialect.row(call_cells(call, items, wording, currency, shown_number))

    async def _refusals(
        self, tenant: str, asked: HistoryFilter, wording: Wording, dialect: Dialect
    ) -> Lines:
        yield dialect.row(wording.headings[name] for name in REFUSAL_COLUMNS)
        found = self._export.refusals(tenant, asked.first_day, asked.last_day)
        async with aclosing(found) as refusals:
            async for refusal in refusals:
                yield dialect.row(refusal_cells(refusal, wording, shown_number))

    async def _cdrs(self, tenant: str, asked: HistoryFilter) -> Lines:
        async with aclosing(self._export.calls(tenant, asked.first_day, asked.last_day)) as calls:
            async for call in calls:
                yield cdr_row(call, shown_number)


def _too_long() -> FailedPrecondition:
    return FailedPrecondition(
        "EXPORT_TOO_LONG",
        f"an export may take {LIMIT_S} seconds: read it faster, or ask for fewer days",
        {"limit_s": str(LIMIT_S)},
    )


async def pieces(lines: Lines, byte_order_mark: bool) -> AsyncGenerator[bytes, None]:
    """The lines' bytes in pieces of about 32 KiB."""
    held = bytearray(BYTE_ORDER_MARK if byte_order_mark else b"")
    async with aclosing(lines):
        async for line in lines:
            held += line.encode()
            while len(held) >= CHUNK_BYTES:
                yield bytes(held[:CHUNK_BYTES])
                del held[:CHUNK_BYTES]
    if held:
        yield bytes(held)
