"""The page, and the part of it that is put anew as things change."""

from datetime import UTC, datetime
from typing import Any

from starlette.responses import Response

from server.console.pages.state.pace import PaceMeter
from server.console.visit import Visit
from tollgate.v1 import billing_pb2 as billing
from tollgate.v1 import state_pb2 as pb

LINE = (240, 44)


async def show(visit: Visit, found: billing.AuditResponse | None = None) -> Response:
    """The page as it is now, with what an audit found; its live part goes on from there."""
    meter = PaceMeter()
    state = await look(visit, meter)
    return visit.page("state/page.html", **_values(state, meter), found=found)


async def look(visit: Visit, meter: PaceMeter) -> pb.GetServiceStateResponse:
    """The state, noted in the meter."""
    state: pb.GetServiceStateResponse = await visit.ask(
        "GetServiceState", pb.GetServiceStateRequest()
    )
    meter.see(state.decisions)
    return state


def part(visit: Visit, state: pb.GetServiceStateResponse, meter: PaceMeter) -> str:
    """The live part."""
    return visit.render("state/now.html", **_values(state, meter))


def _values(state: pb.GetServiceStateResponse, meter: PaceMeter) -> dict[str, Any]:
    up_s = int((datetime.now(UTC) - state.started_at.ToDatetime(UTC)).total_seconds())
    return {
        "state": state,
        "pace": meter.now,
        "line": meter.line(*LINE),
        "line_size": LINE,
        "up_minutes": up_s // 60,
        "away": [each.store for each in state.stores if not each.answers],
        "depth": sum(each.outbox_depth for each in state.shards),
        "dead": sum(each.dead for each in state.channels),
    }
