"""The table of transactions, filtered and page by page."""

from starlette.responses import Response

from server.console.pager import Pager
from server.console.pages.history.choice import STATUSES, TYPES, Choice
from server.console.visit import Visit
from tollgate.v1 import history_pb2 as history

PAGE_SIZE = 25
STATUS_NAMES = {number: name for name, number in STATUSES.items()}


async def show(visit: Visit) -> Response:
    """The whole page, or for htmx the table alone."""
    choice = Choice.of(visit)
    pager = Pager.of(visit, choice.query())
    request = history.ListTransactionsRequest(
        tenant_id=visit.tenant_id,
        language=visit.contract_language,
        page_size=PAGE_SIZE,
        page_token=pager.page_token,
        **choice.fields(),
    )
    found = await visit.ask("ListTransactions", request)
    template = "history/table.html" if visit.wants_fragment else "history/page.html"
    return visit.page(
        template,
        found=found,
        rate=found.rouble_rate.rate,
        choice=choice,
        pager=pager,
        types=list(TYPES),
        statuses=list(STATUSES),
        status_names=STATUS_NAMES,
    )
