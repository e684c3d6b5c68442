"""Calls that were turned away: why and how many lately, and the last ones one by one."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from starlette.responses import Response

from server.console.pager import Pager
from server.console.visit import Visit
from tollgate.v1 import history_pb2 as history

PAGE_SIZE = 25
LATELY_DAYS = 30


async def show_refusals(visit: Visit) -> Response:
    """The page."""
    assert visit.tenant is not None
    today = datetime.now(UTC).astimezone(ZoneInfo(visit.tenant.time_zone)).date()
    pager = Pager.of(visit)
    request = history.ListRefusalsRequest(
        tenant_id=visit.tenant_id,
        first_day=(today - timedelta(days=LATELY_DAYS - 1)).isoformat(),
        last_day=today.isoformat(),
        page_size=PAGE_SIZE,
        page_token=pager.page_token,
    )
    found = await visit.ask("ListRefusals", request)
    by_reason = Counter[str]()
    for each in found.counts:
        by_reason[each.reason] += each.count
    return visit.page(
        "history/refusals.html",
        found=found,
        counts=by_reason.most_common(),
        refused=by_reason.total(),
        days=LATELY_DAYS,
        pager=pager,
    )
