"""The history as CSV, with the page's filters and the reader's spreadsheet in mind."""

from starlette.responses import Response

from server.console.downloads import download
from server.console.pages.history.choice import Choice
from server.console.visit import Visit
from tollgate.v1 import history_pb2 as history

TABLES = {
    "transactions": history.EXPORT_TABLE_TRANSACTIONS,
    "calls": history.EXPORT_TABLE_CALLS,
    "refusals": history.EXPORT_TABLE_REFUSALS,
}
# A language brings its separators, decimal marks and dates along.
FORMATS = {"ru": history.LANGUAGE_RUSSIAN, "en": history.LANGUAGE_ENGLISH}


async def export(visit: Visit) -> Response:
    """The file."""
    query, choice = visit.query, Choice.of(visit)
    table = query.get("table", "")
    table = table if table in TABLES else "transactions"
    request = history.ExportHistoryRequest(
        tenant_id=visit.tenant_id,
        table=TABLES[table],
        language=FORMATS.get(query.get("format", ""), visit.contract_language),
        byte_order_mark=query.get("excel", "") == "yes",
        **choice.fields(),
    )
    days = "".join(f"-{day}" for day in (choice.first, choice.last) if day)
    pieces = visit.stream("ExportHistory", request)
    return await download(pieces, f"{visit.tenant_id}-{table}{days}.csv")
