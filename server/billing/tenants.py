"""Tenants: created, read, changed; every change reaches the live store at once."""

from collections.abc import Mapping

from google.protobuf.timestamp_pb2 import Timestamp

from ledger.tenant import LIMIT_NAMES, Limits, NewTenant, Tenant, TenantChanges
from ledger.tenants import Tenants
from server.background.applying import ChangeApplier
from server.billing.form import CURRENCY, Form
from server.billing.pending_debits import PendingDebits
from server.errors import PermissionDenied
from server.paging import page_size, position, token
from tollgate.v1 import billing_pb2 as pb

PLAIN_PATHS = frozenset({"name", "time_zone", "tariff", "suspended"})
# What a tenant sets itself: everything that bounds it, but not how much it may owe.
TENANTS_OWN = frozenset(f"limits.{name}" for name in LIMIT_NAMES) - {"limits.credit_limit_micros"}


class TenantDesk:
    """Answers what administrators ask of tenants."""

    def __init__(self, tenants: Tenants, debits: PendingDebits, applier: ChangeApplier) -> None:
        self._tenants, self._debits, self._applier = tenants, debits, applier

    async def create(self, request: pb.CreateTenantRequest) -> pb.CreateTenantResponse:
        """Creates a tenant with a balance of zero."""
        asked = request.tenant
        form = Form()
        form.id("request_id", request.request_id)
        form.id("tenant.tenant_id", asked.tenant_id)
        form.text("tenant.name", asked.name)
        form.limits(asked.limits)
        if asked.time_zone:
            form.zone("tenant.time_zone", asked.time_zone)
        if asked.tariff:
            form.tariff("tenant.tariff", asked.tariff)
        if asked.currency and not CURRENCY.fullmatch(asked.currency):
            form.wrong("tenant.currency", "must be an ISO 4217 code such as USD")
        form.done()
        new = NewTenant(
            id=asked.tenant_id,
            name=asked.name,
            currency=asked.currency or "USD",
            tariff=asked.tariff or "standard",
            time_zone=asked.time_zone or "UTC",
            limits=Limits(**limit_values(asked.limits)),  # type: ignore[arg-type]
            suspended=asked.suspended,
        )
        tenant = await self._tenants.create(request.request_id, new)
        return pb.CreateTenantResponse(tenant=shown(tenant))

    async def get(self, request: pb.GetTenantRequest) -> pb.GetTenantResponse:
        """Reads one tenant."""
        form = Form()
        form.id("tenant_id", request.tenant_id)
        form.done()
        return pb.GetTenantResponse(tenant=shown(await self._tenants.get(request.tenant_id)))

    async def list(self, request: pb.ListTenantsRequest) -> pb.ListTenantsResponse:
        """A page of tenants, by id."""
        form = Form()
        if request.search:
            form.text("search", request.search)
        form.done()
        size = page_size(request.page_size)
        (after,) = position(request.page_token, 1) or ("",)
        tenants = await self._tenants.list(size, after, request.search)
        return pb.ListTenantsResponse(
            tenants=[shown(tenant) for tenant in tenants],
            next_page_token=token(tenants[-1].id) if len(tenants) == size else "",
        )

    async def update(
        self, request: pb.UpdateTenantRequest, *, by_tenant: bool
    ) -> pb.UpdateTenantResponse:
        """Changes what the mask names, and applies it to running calls. A tenant's own key may
        change what protects the tenant. Raises PermissionDenied.
        """
        changes = _changes(request)
        if by_tenant and not TENANTS_OWN.issuperset(request.update_mask.paths):
            raise PermissionDenied
        await self._debits.require_unused(request.tenant.tenant_id, request.request_id)
        tenant = await self._tenants.update(request.request_id, request.tenant.tenant_id, changes)
        await self._applier.apply(tenant.id, tenant.version)
        return pb.UpdateTenantResponse(tenant=shown(tenant))


def _changes(request: pb.UpdateTenantRequest) -> TenantChanges:
    asked, paths = request.tenant, list(request.update_mask.paths)
    form = Form()
    form.id("request_id", request.request_id)
    form.id("tenant.tenant_id", asked.tenant_id)
    known = PLAIN_PATHS | {"limits"} | {f"limits.{name}" for name in LIMIT_NAMES}
    if not paths or not known.issuperset(paths):
        form.wrong("update_mask", "must name some of: " + ", ".join(sorted(known)))
    if "name" in paths:
        form.text("tenant.name", asked.name)
    if "time_zone" in paths:
        form.zone("tenant.time_zone", asked.time_zone)
    if "tariff" in paths:
        form.tariff("tenant.tariff", asked.tariff)
    form.limits(asked.limits)
    form.done()
    wanted = limit_values(asked.limits)
    return TenantChanges(
        name=asked.name if "name" in paths else None,
        tariff=asked.tariff if "tariff" in paths else None,
        time_zone=asked.time_zone if "time_zone" in paths else None,
        suspended=asked.suspended if "suspended" in paths else None,
        limits={
            name: value
            for name, value in wanted.items()
            if "limits" in paths or f"limits.{name}" in paths
        },
    )


def limit_values(limits: pb.Limits) -> Mapping[str, int | None]:
    """The limits by name; None for one that is absent. Without a credit limit it is 0."""
    values: dict[str, int | None] = {}
    for name in LIMIT_NAMES:
        absent = name != "credit_limit_micros" and not limits.HasField(name)  # type: ignore[arg-type]
        values[name] = None if absent else getattr(limits, name)
    return values


def shown(tenant: Tenant) -> pb.Tenant:
    """The tenant as clients see it."""
    message = pb.Tenant(
        tenant_id=tenant.id,
        name=tenant.name,
        currency=tenant.currency,
        time_zone=tenant.time_zone,
        next_time_zone=tenant.next_time_zone or "",
        tariff=tenant.tariff,
        limits=pb.Limits(**{name: getattr(tenant.limits, name) for name in LIMIT_NAMES}),
        suspended=tenant.suspended,
        version=tenant.version,
    )
    for field, moment in (
        (message.created_at, tenant.created_at),
        (message.zone_starts_at, tenant.zone_starts_at),
    ):
        if moment is not None:
            stamp = Timestamp()
            stamp.FromDatetime(moment)
            field.CopyFrom(stamp)
    return message
