"""The limits of a tenant as fields of a form: how each is typed, and what of it has changed."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from server.console import typed
from server.console.access.forgery import text_of
from server.console.typed import Typed
from server.console.visit import Visit
from tollgate.v1 import billing_pb2 as billing


class Bound(NamedTuple):
    """One limit: its name in the contract, what it counts, and how it is read and shown."""

    name: str
    unit: str
    read: Callable[[str, str], Typed]
    show: Callable[[int], str]


def _money(name: str) -> Bound:
    return Bound(name, "money", typed.money, typed.shown_money)


def _count(name: str) -> Bound:
    return Bound(name, "count", typed.whole, str)


SPENDING = (_money("low_balance_threshold_micros"), _money("daily_cap_micros"))
GUARDS = (
    _count("concurrent_calls"),
    _count("calls_per_minute"),
    _money("call_cost_limit_micros"),
    _money("caller_daily_limit_micros"),
    Bound(
        "call_length_limit_ms",
        "length",
        lambda text, _language: typed.length(text),
        typed.shown_length,
    ),
)
BOUNDS = (*SPENDING, *GUARDS)


def shown_bounds(limits: billing.Limits) -> dict[str, str]:
    """What the fields hold; empty where there is no limit."""
    return {
        bound.name: bound.show(getattr(limits, bound.name))
        if limits.HasField(bound.name)  # type: ignore[arg-type]
        else ""
        for bound in BOUNDS
    }


def sent_bounds(visit: Visit) -> dict[str, str]:
    """What the fields of the form hold."""
    return {bound.name: text_of(visit.form, bound.name) for bound in BOUNDS}


def read_bounds(
    visit: Visit, sent: Mapping[str, str]
) -> tuple[dict[str, int | None], dict[str, str]]:
    """The limits that were typed, and what is wrong with fields by their name."""
    found = {bound.name: bound.read(sent[bound.name], visit.words.language) for bound in BOUNDS}
    wrong = {
        name: visit.words(f"fields.{each.problem}") for name, each in found.items() if each.problem
    }
    return {name: each.value for name, each in found.items()}, wrong


def change_of(
    tenant: billing.Tenant, wanted: Mapping[str, int | None], request_id: str
) -> billing.UpdateTenantRequest | None:
    """The change from what is; None when nothing differs. What somebody else has changed
    meanwhile, and this form has not, stays.
    """
    now = tenant.limits
    changed = [
        name
        for name, value in wanted.items()
        if value != (getattr(now, name) if now.HasField(name) else None)  # type: ignore[arg-type]
    ]
    if not changed:
        return None
    kept = {name: wanted[name] for name in changed if wanted[name] is not None}
    request = billing.UpdateTenantRequest(
        request_id=request_id,
        tenant=billing.Tenant(
            tenant_id=tenant.tenant_id,
            limits=billing.Limits(**kept),  # type: ignore[arg-type]
        ),
    )
    request.update_mask.paths.extend(f"limits.{name}" for name in changed)
    return request
