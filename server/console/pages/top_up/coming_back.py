"""Where Robokassa sends payers: one address for a whole shop, with the number of the invoice."""

from starlette.responses import Response

from server.console.visit import Visit
from tollgate.v1 import payments_pb2 as pb

LOOKED_AT = 100


async def come_back(visit: Visit) -> Response:
    """Leads to the top-up of that number among the latest of the tenant that was looked at last;
    what else the address tells proves nothing and is not read.
    """
    if not visit.tenant_id:
        return visit.see_other("/console")
    request = pb.ListTopUpsRequest(tenant_id=visit.tenant_id, page_size=LOOKED_AT)
    number = visit.query.get("InvId", "")
    for top_up in (await visit.ask("ListTopUps", request)).top_ups:
        if str(top_up.number) == number:
            return visit.see_other(visit.link("top-up", f"/{top_up.top_up_id}", back="1"))
    return visit.see_other(visit.link("top-up"))
