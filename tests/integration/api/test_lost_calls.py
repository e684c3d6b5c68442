"""Calls that the live store lost: re-opened by their gateways, charged once."""

from collections.abc import Sequence
from contextlib import suppress

import grpc
import pytest

from ledger.tenant import TenantSnapshot
from tests.integration.api.client import Told
from tests.integration.api.gateway import Gateway
from tests.integration.api.installation import Installation, clock_tariff, usage
from tollgate.v1 import billing_pb2 as billing
from tollgate.v1 import call_authorization_pb2 as pb
from tollgate.v1 import common_pb2

pytestmark = pytest.mark.both_transports


@pytest.fixture
async def lost(installation: Installation) -> Gateway:
    """A tenant whose live funds and calls are lost with the whole live store."""
    await installation.tenant(balance=1_000_000)
    gateway = Gateway(installation.admin)
    await gateway.accepted()
    await gateway.charge("c1", 20)
    await installation.lose_everything()
    return gateway


async def test_a_charge_asks_for_a_reauthorize(lost: Gateway) -> None:
    assert (await lost.charge("c1", 25)).directive == pb.DIRECTIVE_REAUTHORIZE


async def test_an_authorize_with_usage_charges_it_and_goes_on(
    installation: Installation, lost: Gateway
) -> None:
    reply = await lost.accepted(seconds=25)
    assert reply.state == common_pb2.CALL_STATE_ACTIVE
    assert reply.grant.reserved_micros == 60_000
    assert (await lost.call()).charged_micros == 25_000
    settled = await lost.posted("c1", 30)
    assert settled.charged_micros == 30_000
    assert (await installation.balance()).balance_micros == 970_000
    await installation.settled_down()


async def test_a_repeated_reauthorize_charges_once(lost: Gateway) -> None:
    for _ in range(3):
        reply = await lost.accepted(seconds=25)
        assert reply.decision == pb.DECISION_ACCEPTED
    call = await lost.call()
    assert (call.charged_micros, call.usage) == (25_000, usage(25))


async def test_what_does_not_fit_is_overrun_and_the_call_is_refused(
    installation: Installation,
) -> None:
    await installation.tenant(balance=15_000)
    gateway = Gateway(installation.admin)
    refusal = await gateway.refused("c1", seconds=20)
    assert refusal.reason == pb.REFUSAL_REASON_INSUFFICIENT_BALANCE
    call = await gateway.call()
    assert (call.charged_micros, call.overrun_micros) == (15_000, 5_000)
    settled = await gateway.posted("c1", 21)
    assert (settled.charged_micros, settled.overrun_micros) == (15_000, 6_000)
    await installation.settled_down()


async def test_the_checks_of_a_reauthorize_decide_only_whether_the_call_goes_on(
    installation: Installation,
) -> None:
    await installation.tenant(balance=100_000, suspended=True)
    gateway = Gateway(installation.admin)
    assert (await gateway.refused("c1", seconds=20)).reason == (pb.REFUSAL_REASON_TENANT_SUSPENDED)
    assert (await gateway.call()).charged_micros == 20_000


async def test_a_settle_of_a_lost_call_charges_all_of_it_once(
    installation: Installation, lost: Gateway
) -> None:
    settled = await lost.posted("c1", 40)
    assert settled.charged_micros == 40_000
    assert (await installation.balance()).balance_micros == 960_000
    await installation.settled_down()


async def test_a_settled_call_is_found_in_the_ledger_after_a_loss(
    installation: Installation, gateway: Gateway
) -> None:
    await gateway.accepted()
    first = await gateway.posted("c1", 40)
    await installation.lose_everything()
    assert await gateway.settle("c1", 40) == first
    assert (await gateway.charge("c1", 50)).directive == pb.DIRECTIVE_HANG_UP
    assert (await gateway.refused("c1", seconds=50)).reason == (
        pb.REFUSAL_REASON_CALL_ALREADY_SETTLED
    )
    balance = await installation.balance()
    assert (balance.balance_micros, balance.spent_today_micros) == (960_000, 40_000)
    await installation.settled_down()


async def test_a_balance_that_was_read_before_a_rebuild_is_not_loaded_after_it(
    installation: Installation, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    await installation.lose_everything()
    tenants = installation.parts.tenants
    snapshot = tenants.snapshot

    async def read_early(tenant: str, days: Sequence[str]) -> TenantSnapshot:
        monkeypatch.setattr(tenants, "snapshot", snapshot)
        early = await snapshot(tenant, days)
        await gateway.posted("c1", 40)
        await installation.lose_everything()
        await installation.tenant("other", balance=1)
        return early

    monkeypatch.setattr(tenants, "snapshot", read_early)
    with suppress(grpc.aio.AioRpcError):
        await installation.balance()
    assert (await installation.balance()).balance_micros == 960_000


async def test_a_reauthorize_that_the_ledger_refuses_is_counted(
    installation: Installation, gateway: Gateway
) -> None:
    await gateway.accepted()
    await gateway.posted("c1", 40)
    await installation.lose_everything()
    await gateway.refused("c1", seconds=50)
    await installation.parts.refusals.flush()
    statement = "SELECT count FROM refusal_counts WHERE tenant = 'acme' AND reason = $1"
    assert await installation.ledger(statement, "CALL_ALREADY_SETTLED") == 1


async def test_a_lost_call_is_not_settled_in_another_currency(
    installation: Installation, lost: Gateway
) -> None:
    tariff = clock_tariff("euro", currency="EUR")
    await installation.admin(billing.PutTariffRequest(request_id="euro-1", tariff=tariff))
    told = await lost.told(lost.settlement("c1", 40, tariff_version="euro@1"))
    assert told == Told(grpc.StatusCode.INVALID_ARGUMENT, "INVALID", "tariff_version")
    assert (await installation.balance()).balance_micros == 1_000_000
