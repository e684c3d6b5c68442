"""A new tenant."""

from collections.abc import Mapping

from starlette.responses import Response

from server.console.access.forgery import text_of
from server.console.asking import Declined
from server.console.failing import field_errors
from server.console.pages.tenants.zones import ZONES
from server.console.request_ids import new_request_id
from server.console.visit import Visit
from tollgate.v1 import billing_pb2 as pb

FIELDS = ("tenant_id", "name", "currency", "time_zone", "tariff")
TAKEN = "TENANT_EXISTS"


async def draft(visit: Visit) -> Response:
    """The empty form."""
    return await _form(visit, {}, {}, new_request_id())


async def create(visit: Visit) -> Response:
    """Creates the tenant, or shows the form again with what is wrong."""
    typed = {name: text_of(visit.form, name) for name in FIELDS}
    request_id = text_of(visit.form, "request_id")
    new = pb.Tenant(**typed | {"currency": typed["currency"].upper()})  # type: ignore[arg-type]
    try:
        await visit.ask("CreateTenant", pb.CreateTenantRequest(request_id=request_id, tenant=new))
    except Declined as declined:
        problems = field_errors(visit, declined)
        if declined.reason in (TAKEN, "UNKNOWN_TARIFF", "CURRENCY_MISMATCH"):
            field = "tenant_id" if declined.reason == TAKEN else "tariff"
            problems = {f"tenant.{field}": visit.words(f"fields.{declined.reason}")}
        if not problems:
            raise
        named = {field.removeprefix("tenant."): text for field, text in problems.items()}
        return await _form(visit, typed, named, new_request_id())
    return visit.see_other(visit.link("tenants", f"/card/{new.tenant_id}"))


async def _form(
    visit: Visit, typed: Mapping[str, str], problems: Mapping[str, str], request_id: str
) -> Response:
    tariffs = (await visit.ask("ListTariffs", pb.ListTariffsRequest())).tariffs
    return visit.page(
        "tenants/new.html",
        422 if problems else 200,
        typed=typed,
        problems=problems,
        request_id=request_id,
        zones=ZONES,
        tariffs=tariff_names(tariffs, typed.get("currency", "").upper()),
    )


def tariff_names(tariffs: list[pb.Tariff], currency: str = "") -> list[tuple[str, str]]:
    """The tariffs to choose from, of one currency or of all, with their currency."""
    known = {tariff.name: tariff.currency for tariff in tariffs}
    return [
        (name, f"{name} · {each}")
        for name, each in sorted(known.items())
        if not currency or each == currency or not _has(known, currency)
    ]


def _has(known: Mapping[str, str], currency: str) -> bool:
    return currency in known.values()
