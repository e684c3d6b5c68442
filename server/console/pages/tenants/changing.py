"""What administrators change of a tenant: its settings, its suspension, its balance."""

from starlette.responses import Response

from server.console.access.forgery import text_of
from server.console.asking import Declined
from server.console.failing import field_errors
from server.console.pages.tenants.card import Sent, show_card
from server.console.typed import money
from server.console.visit import Visit
from tollgate.v1 import billing_pb2 as pb

SETTINGS = ("name", "time_zone", "tariff", "credit_limit")
CREDIT_LIMIT = "credit_limit_micros"
# What is a matter of a field, though a service tells it of the whole request.
OF_A_FIELD = {"INSUFFICIENT_FUNDS": "amount", "CURRENCY_MISMATCH": "tariff"}


class NotAnAmount(Exception):
    """What was typed cannot be read as an amount; the message says why, in the visitor's words."""


async def change(visit: Visit) -> Response:
    """Changes what the form holds."""
    typed = {name: text_of(visit.form, name) for name in SETTINGS}
    tenant = pb.Tenant(
        tenant_id=visit.request.path_params["tenant_id"],
        name=typed["name"],
        time_zone=typed["time_zone"],
        tariff=typed["tariff"],
    )
    try:
        tenant.limits.credit_limit_micros = _amount(visit, typed["credit_limit"])
        await _update(visit, tenant, "name", "time_zone", "tariff", f"limits.{CREDIT_LIMIT}")
    except NotAnAmount as error:
        return await show_card(visit, settings=Sent(typed, {"credit_limit": str(error)}))
    except Declined as declined:
        return await show_card(visit, settings=Sent(typed, _problems(visit, declined)))
    return _back(visit, "changed")


async def suspend(visit: Visit) -> Response:
    """Suspends the tenant, or takes its calls again."""
    tenant = pb.Tenant(
        tenant_id=visit.request.path_params["tenant_id"],
        suspended=text_of(visit.form, "suspended") == "yes",
    )
    await _update(visit, tenant, "suspended")
    return _back(visit, "suspended" if tenant.suspended else "resumed")


async def adjust(visit: Visit) -> Response:
    """Credits or debits by hand."""
    typed = {name: text_of(visit.form, name) for name in ("kind", "amount", "reason")}
    sign = -1 if typed["kind"] == "debit" else 1
    try:
        request = pb.AdjustBalanceRequest(
            request_id=text_of(visit.form, "request_id"),
            tenant_id=visit.request.path_params["tenant_id"],
            amount_micros=sign * _amount(visit, typed["amount"]),
            reason=typed["reason"],
        )
        await visit.ask("AdjustBalance", request)
    except NotAnAmount as error:
        return await show_card(visit, adjustment=Sent(typed, {"amount": str(error)}))
    except Declined as declined:
        return await show_card(visit, adjustment=Sent(typed, _problems(visit, declined)))
    return _back(visit, "credited" if sign > 0 else "debited")


def _amount(visit: Visit, text: str) -> int:
    """The micros of an amount. Raises NotAnAmount."""
    read = money(text, visit.words.language)
    if read.value is None:
        raise NotAnAmount(visit.words(f"fields.{read.problem or 'NOT_A_NUMBER'}"))
    return read.value


async def _update(visit: Visit, tenant: pb.Tenant, *paths: str) -> None:
    request = pb.UpdateTenantRequest(request_id=text_of(visit.form, "request_id"), tenant=tenant)
    request.update_mask.paths.extend(paths)
    await visit.ask("UpdateTenant", request)


def _problems(visit: Visit, declined: Declined) -> dict[str, str]:
    """What is wrong, by the form's fields. Raises what is not a matter of one of them."""
    if declined.reason in OF_A_FIELD:
        return {OF_A_FIELD[declined.reason]: visit.words(f"fields.{declined.reason}")}
    found = field_errors(visit, declined)
    if not found:
        raise declined
    return {_field(name): text for name, text in found.items()}


def _field(name: str) -> str:
    return name.removeprefix("tenant.").removeprefix("limits.").removesuffix("_micros")


def _back(visit: Visit, said: str) -> Response:
    tenant_id = visit.request.path_params["tenant_id"]
    return visit.see_other(visit.link("tenants", f"/card/{tenant_id}", said=said))
