"""Where one goes first, whose pages one looks at, and the choice of language and theme."""

from collections.abc import Sequence
from urllib.parse import quote

from starlette.responses import Response

from server.console.access import cookies
from server.console.access.doors import HOME, safe_place
from server.console.access.forgery import checked_form, text_of
from server.console.asking import Declined
from server.console.look.words import LANGUAGES
from server.console.visit import THEMES, Guest, Visit
from server.errors import NotFound
from tollgate.v1 import billing_pb2 as billing

MOST_TENANTS = 100


async def home(visit: Visit) -> Response:
    """The first page of the tenant that was looked at last, or of the first one."""
    tenants = await reachable(visit)
    ids = [tenant.tenant_id for tenant in tenants]
    last = visit.parts.cookies.read(visit.request, cookies.TENANT)
    if visit.principal.tenants is None and last and last not in ids:
        ids += await _known(visit, last)
    if not ids:
        return visit.page("no_tenants.html")
    return visit.see_other(_first_page(visit, last if last in ids else ids[0]))


async def choose(visit: Visit) -> Response:
    """The tenants that the key reaches, to go to one."""
    asked = visit.query.get("tenant", "")
    if asked:
        return visit.see_other(_first_page(visit, asked))
    here = safe_page(visit.query.get("page", ""), visit)
    template = "tenant_list.html" if visit.wants_fragment else "choose.html"
    return visit.page(template, tenants=await reachable(visit), page=here, most=MOST_TENANTS)


async def reachable(visit: Visit) -> Sequence[billing.Tenant]:
    """The tenants of the key, the first hundred of an administrator."""
    if visit.principal.tenants is None:
        asked = billing.ListTenantsRequest(page_size=MOST_TENANTS)
        found: Sequence[billing.Tenant] = (await visit.ask("ListTenants", asked)).tenants
        return found
    requests = [
        billing.GetTenantRequest(tenant_id=tenant_id)
        for tenant_id in sorted(visit.principal.tenants)[:MOST_TENANTS]
    ]
    return [(await visit.ask("GetTenant", request)).tenant for request in requests]


async def prefer(guest: Guest) -> Response:
    """Keeps the chosen language or theme, and goes back."""
    form = await checked_form(guest.request, guest.token)
    response = guest.see_other(safe_place(text_of(form, "next")))
    for cookie, name, known in (
        (cookies.LANGUAGE, "language", LANGUAGES),
        (cookies.THEME, "theme", THEMES),
    ):
        value = text_of(form, name)
        if value in known:
            guest.parts.cookies.put(response, cookie, value)
        elif name in form:
            guest.parts.cookies.drop(response, cookie)
    return response


async def lost(_visit: Visit) -> Response:
    """There is no such page."""
    raise NotFound("UNKNOWN_PAGE", "there is no such page")


def safe_page(asked: str, visit: Visit) -> str:
    """The name of a tenant's page; the first one's when it is none."""
    names = [page.name for page in visit.parts.pages if page.of_tenant]
    return asked if asked in names else names[0]


def _first_page(visit: Visit, tenant_id: str) -> str:
    page = safe_page(visit.query.get("page", ""), visit)
    return f"{HOME}/t/{quote(tenant_id, safe='@:+')}/{page}"


async def _known(visit: Visit, tenant_id: str) -> list[str]:
    try:
        await visit.ask("GetTenant", billing.GetTenantRequest(tenant_id=tenant_id))
    except Declined:
        return []
    return [tenant_id]
