"""The tenants of the demo, and how each run puts them back to where the story begins."""

from dataclasses import dataclass
from typing import Any

import grpc

from server.money import MICROS
from server.simulator.office import Office
from tollgate.v1 import billing_pb2 as pb
from tollgate.v1.history_pb2 import SeedExampleRequest


@dataclass(frozen=True, slots=True)
class Role:
    """A tenant of the demo. Amounts in micros; `room` is what its daily cap is to leave."""

    tenant_id: str
    name: str
    time_zone: str
    balance: int
    daily_cap: int | None
    room: int | None
    threshold: int
    about: str
    example: str = ""  # of which it has the past

    def usual_cap_will_do(self, held: int) -> bool:
        """Whether the usual cap leaves about the room that the story needs."""
        assert self.daily_cap is not None
        assert self.room is not None
        return self.room <= self.daily_cap - held <= 2 * self.room


# What lasts a call of the generic assistant for a minute and a bit.
POCKET_MONEY = MICROS // 50

CAST = (
    Role(
        tenant_id="technomaster",
        name="ТехноМастер",
        time_zone="Europe/Moscow",
        balance=142_500_000,
        daily_cap=20 * MICROS,
        room=10 * MICROS,
        threshold=10 * MICROS,
        about="has money and room",
        example="march-2026",
    ),
    Role(
        tenant_id="last-penny-pizza",
        name="Last Penny Pizza",
        time_zone="America/New_York",
        balance=80_000,
        daily_cap=None,
        room=None,
        threshold=MICROS,
        about="is about to run dry",
    ),
    Role(
        tenant_id="lanternfish-travel",
        name="Lanternfish Travel",
        time_zone="Europe/Lisbon",
        balance=25 * MICROS,
        daily_cap=2 * MICROS,
        room=80_000,
        threshold=5 * MICROS,
        about="is about to hit its daily cap",
    ),
)


DRY = CAST[1]


async def place(office: Office, run: str) -> dict[str, pb.GetBalanceResponse]:
    """Creates the tenants that are missing, sets money and caps back; the balances by tenant."""
    return {role.tenant_id: await _place(office, role, run) for role in CAST}


async def lend(office: Office, role: Role, amount: int, run: str) -> None:
    """Leaves a tenant that ran dry with about this much, to be used up before one's eyes."""
    look = pb.GetBalanceRequest(tenant_id=role.tenant_id)
    missing = amount - (await office.ask(office.stub.GetBalance, look)).available_micros
    if missing <= 0:
        return
    adjust = pb.AdjustBalanceRequest(
        request_id=f"demo-{run}-{role.tenant_id}-pocket",
        tenant_id=role.tenant_id,
        amount_micros=missing,
        reason="demo: for one call more",
    )
    await office.ask(office.stub.AdjustBalance, adjust)


async def _place(office: Office, role: Role, run: str) -> pb.GetBalanceResponse:
    await _create(office, role)
    look = pb.GetBalanceRequest(tenant_id=role.tenant_id)
    before = await office.ask(office.stub.GetBalance, look)
    await _set_balance(office, role, run, before)
    await _set_cap(office, role, run, before)
    return await office.ask(office.stub.GetBalance, look)


async def _create(office: Office, role: Role) -> None:
    if role.example:
        await _unless_there(office, office.stub.SeedExample, _past(role))
        await office.ask(office.stub.UpdateTenant, _threshold(role))
        return
    tenant = pb.Tenant(
        tenant_id=role.tenant_id,
        name=role.name,
        currency="USD",
        time_zone=role.time_zone,
        limits=pb.Limits(
            daily_cap_micros=role.daily_cap, low_balance_threshold_micros=role.threshold
        ),
    )
    request = pb.CreateTenantRequest(request_id=f"demo-create-{role.tenant_id}", tenant=tenant)
    await _unless_there(office, office.stub.CreateTenant, request)


async def _unless_there(office: Office, make: Any, request: Any) -> None:
    try:
        await office.ask(make, request)
    except grpc.aio.AioRpcError as error:
        if error.code() != grpc.StatusCode.ALREADY_EXISTS:
            raise


def _past(role: Role) -> SeedExampleRequest:
    return SeedExampleRequest(
        request_id=f"demo-past-{role.tenant_id}", tenant_id=role.tenant_id, example=role.example
    )


def _threshold(role: Role) -> pb.UpdateTenantRequest:
    limits = pb.Limits(low_balance_threshold_micros=role.threshold)
    change = pb.UpdateTenantRequest(
        request_id=f"demo-threshold-{role.tenant_id}",
        tenant=pb.Tenant(tenant_id=role.tenant_id, limits=limits),
    )
    change.update_mask.paths.append("limits.low_balance_threshold_micros")
    return change


async def _set_balance(office: Office, role: Role, run: str, before: pb.GetBalanceResponse) -> None:
    # Money that calls of an interrupted run still hold cannot be taken.
    amount = max(role.balance - before.balance_micros, -max(0, before.available_micros))
    if amount == 0:
        return
    adjust = pb.AdjustBalanceRequest(
        request_id=f"demo-{run}-{role.tenant_id}",
        tenant_id=role.tenant_id,
        amount_micros=amount,
        reason="demo: set to the start of the story",
    )
    await office.ask(office.stub.AdjustBalance, adjust)


async def _set_cap(office: Office, role: Role, run: str, before: pb.GetBalanceResponse) -> None:
    """The usual cap while it leaves the room that the story needs, else a cap that does."""
    if role.daily_cap is None or role.room is None:
        return
    held = before.spent_today_micros + before.reserved_micros
    wide = role.tenant_id == "technomaster" and role.daily_cap - held >= role.room
    cap = role.daily_cap if wide else held + role.room
    if before.daily_cap_micros == cap:
        return
    change = pb.UpdateTenantRequest(
        request_id=f"demo-{run}-cap-{role.tenant_id}",
        tenant=pb.Tenant(tenant_id=role.tenant_id, limits=pb.Limits(daily_cap_micros=cap)),
    )
    change.update_mask.paths.append("limits.daily_cap_micros")
    await office.ask(office.stub.UpdateTenant, change)
