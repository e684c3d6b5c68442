"""The tenants of a simulation: of several kinds, so that every decision comes up."""

from server.money import MICROS
from server.simulator.office import Office
from tollgate.v1 import billing_pb2 as pb

PLENTY = 1_000 * MICROS
LITTLE = MICROS // 4
KINDS = ("has money", "runs dry", "has a small daily cap", "has few lines")
# A server that is not there is told of at once; later on, one that is away is waited for.
FIRST_PATIENCE_S = 2.0


async def found_tenants(office: Office, run: str, number: int, concurrency: int) -> list[str]:
    """Creates and funds tenants that belong to this run alone; their ids."""
    tenants = []
    for place in range(number):
        kind = place % len(KINDS)
        tenant = pb.Tenant(
            tenant_id=f"{run}-{place + 1}",
            name=f"Simulated tenant {place + 1}, {KINDS[kind]}",
            limits=_limits(kind, max(1, concurrency // (2 * number))),
        )
        request = pb.CreateTenantRequest(request_id=f"{run}-make-{place + 1}", tenant=tenant)
        await office.ask(office.stub.CreateTenant, request, patience_s=FIRST_PATIENCE_S)
        credit = pb.AdjustBalanceRequest(
            request_id=f"{run}-fund-{place + 1}",
            tenant_id=tenant.tenant_id,
            amount_micros=LITTLE if kind == 1 else PLENTY,
            reason="simulation",
        )
        await office.ask(office.stub.AdjustBalance, credit)
        tenants.append(tenant.tenant_id)
    return tenants


async def known_tenants(office: Office, tenants: list[str]) -> list[str]:
    """The given tenants, each known to exist. Raises grpc.aio.AioRpcError."""
    for tenant_id in tenants:
        request = pb.GetTenantRequest(tenant_id=tenant_id)
        await office.ask(office.stub.GetTenant, request, patience_s=FIRST_PATIENCE_S)
    return tenants


def _limits(kind: int, lines: int) -> pb.Limits:
    return pb.Limits(
        daily_cap_micros=LITTLE if kind == 2 else None,
        concurrent_calls=lines if kind == 3 else None,
    )
