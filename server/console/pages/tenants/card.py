"""A tenant's card: what administrators know of it, and the forms that change it."""

from collections.abc import Mapping
from typing import NamedTuple

from starlette.responses import Response

from server.console.pages.tenants.creating import tariff_names
from server.console.pages.tenants.listing import look
from server.console.pages.tenants.zones import ZONES
from server.console.request_ids import new_request_id
from server.console.typed import shown_money
from server.console.visit import Visit
from tollgate.v1 import billing_pb2 as pb


class Sent(NamedTuple):
    """What was typed in a form that was not taken, and what is wrong with it, by field."""

    values: Mapping[str, str] = {}
    problems: Mapping[str, str] = {}


async def card(visit: Visit) -> Response:
    """The card."""
    return await show_card(visit)


async def show_card(
    visit: Visit, settings: Sent | None = None, adjustment: Sent | None = None
) -> Response:
    """The card; forms that were not taken as they were typed."""
    tenant_id: str = visit.request.path_params["tenant_id"]
    tenant = (await visit.ask("GetTenant", pb.GetTenantRequest(tenant_id=tenant_id))).tenant
    visit.speak(tenant.time_zone, tenant.currency)
    tariffs = (await visit.ask("ListTariffs", pb.ListTariffsRequest())).tariffs
    fitting = [tariff for tariff in tariffs if tariff.currency == tenant.currency]
    return visit.page(
        "tenants/card.html",
        422 if settings or adjustment else 200,
        tenant=tenant,
        balance=await look(visit, tenant_id),
        tariffs=tariff_names(fitting),
        zones=ZONES,
        settings=settings or Sent(_values(tenant)),
        adjustment=adjustment or Sent(),
        request_id=new_request_id(),
    )


def _values(tenant: pb.Tenant) -> Mapping[str, str]:
    return {
        "name": tenant.name,
        "time_zone": tenant.next_time_zone or tenant.time_zone,
        "tariff": tenant.tariff,
        "credit_limit": shown_money(tenant.limits.credit_limit_micros),
    }
