"""The tenants, a page at a time, with what each has available now."""

import asyncio
from typing import NamedTuple

from starlette.responses import Response

from server.console.asking import Declined
from server.console.pager import Pager
from server.console.visit import Visit
from tollgate.v1 import billing_pb2 as pb

SHOWN = 25
MAX_SEARCH = 200


class Row(NamedTuple):
    """A tenant and its balance; None when the live store does not tell it."""

    tenant: pb.Tenant
    balance: pb.GetBalanceResponse | None


async def show(visit: Visit) -> Response:
    """The page, or for htmx its table."""
    search = "".join(filter(str.isprintable, visit.query.get("search", "").strip()))[:MAX_SEARCH]
    request = pb.ListTenantsRequest(
        page_size=SHOWN, page_token=visit.query.get("page", ""), search=search
    )
    reply = await visit.ask("ListTenants", request)
    balances = await asyncio.gather(*(look(visit, each.tenant_id) for each in reply.tenants))
    template = "tenants/table.html" if visit.wants_fragment else "tenants/page.html"
    return visit.page(
        template,
        rows=[Row(*pair) for pair in zip(reply.tenants, balances, strict=True)],
        search=search,
        next_page=reply.next_page_token,
        pager=Pager.of(visit, {"search": search}),
    )


async def look(visit: Visit, tenant_id: str) -> pb.GetBalanceResponse | None:
    """The live balance of a tenant, if it can be told."""
    try:
        balance: pb.GetBalanceResponse = await visit.ask(
            "GetBalance", pb.GetBalanceRequest(tenant_id=tenant_id)
        )
    except Declined:
        return None
    return balance
