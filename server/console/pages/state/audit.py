"""The audit, run when somebody asks for it; it repairs nothing."""

from starlette.responses import Response

from server.console.pages.state.show import show
from server.console.visit import Visit
from tollgate.v1 import billing_pb2 as pb


async def run_audit(visit: Visit) -> Response:
    """Compares the live balances with the ledger and tells what it found."""
    found = await visit.ask("Audit", pb.AuditRequest())
    if not visit.wants_fragment:
        return await show(visit, found)
    return visit.page("state/audit.html", found=found)
