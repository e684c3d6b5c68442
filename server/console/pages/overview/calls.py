"""The running calls: a look at them, an operator's hang-up, and the export of settled ones."""

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

from starlette.responses import Response

from server.console.downloads import download
from server.console.failing import toast
from server.console.pages.overview.period import days_of
from server.console.visit import Visit
from tollgate.v1 import call_authorization_pb2 as pb
from tollgate.v1 import common_pb2
from tollgate.v1 import history_pb2 as history

SHOWN = 50
# Looking steps through the calls of a whole shard: few at a time in this process.
LOOKS_AT_ONCE = 2
_looking = asyncio.Semaphore(LOOKS_AT_ONCE)


class RunningCall(NamedTuple):
    """A call, and what it would be told now."""

    call: common_pb2.Call
    outlook: pb.Outlook

    @property
    def directive(self) -> str:
        """The directive's name."""
        return pb.Directive.Name(self.outlook.directive).removeprefix("DIRECTIVE_")

    @property
    def state(self) -> str:
        """The state's name."""
        return common_pb2.CallState.Name(self.call.state).removeprefix("CALL_STATE_")


async def look_at_calls(visit: Visit) -> Sequence[RunningCall]:
    """Some of the tenant's calls, those that began last first."""
    request = pb.ListActiveCallsRequest(tenant_id=visit.tenant_id, page_size=SHOWN)
    async with _looking:
        reply: pb.ListActiveCallsResponse = await visit.ask("ListActiveCalls", request)
    pairs = zip(reply.calls, reply.outlooks, strict=True)
    calls = {call.call_id: RunningCall(call, outlook) for call, outlook in pairs}
    newest = sorted(calls.values(), key=lambda each: each.call.authorized_at.ToNanoseconds())
    return newest[::-1][:SHOWN]


async def hang_up(visit: Visit) -> Response:
    """Ends a call; the live table shows what becomes of it."""
    call_id: str = visit.request.path_params["call_id"]
    request = pb.EndCallRequest(tenant_id=visit.tenant_id, call_id=call_id)
    await visit.ask("EndCall", request)
    if visit.wants_fragment:
        return toast(visit, visit.words("overview.calls.ended"))
    return visit.see_other(visit.link("overview"))


async def export(visit: Visit) -> Response:
    """The month's settled calls as CSV, as the history exports them."""
    month = visit.query.get("month", "")
    summary = await visit.ask(
        "GetMonthSummary", history.GetMonthSummaryRequest(tenant_id=visit.tenant_id, month=month)
    )
    days = days_of(summary.month)
    request = history.ExportHistoryRequest(
        tenant_id=visit.tenant_id,
        table=history.EXPORT_TABLE_CALLS,
        first_day=days[0].isoformat(),
        last_day=days[-1].isoformat(),
        language=visit.contract_language,
        byte_order_mark=True,
    )
    pieces = visit.stream("ExportHistory", request)
    return await download(pieces, f"{visit.tenant_id}-calls-{summary.month}.csv")
