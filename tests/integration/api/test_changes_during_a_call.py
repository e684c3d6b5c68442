"""What administrators change while a call runs takes effect in its next reply."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.integration.api.gateway import Gateway
from tests.integration.api.installation import Installation, clock_tariff
from tollgate.v1 import billing_pb2 as billing
from tollgate.v1 import call_authorization_pb2 as pb

pytestmark = pytest.mark.both_transports


@pytest.fixture
async def running(installation: Installation) -> Gateway:
    """A call that has used 10 of its 60 seconds, of a tenant with 100."""
    await installation.tenant(balance=100_000)
    gateway = Gateway(installation.admin)
    await gateway.accepted()
    await gateway.charge("c1", 10)
    return gateway


async def test_a_top_up_extends_the_call(installation: Installation, running: Gateway) -> None:
    assert (await running.charge("c1", 95)).directive == pb.DIRECTIVE_FINISH
    await installation.adjust("acme", 1_000_000)
    reply = await running.charge("c1", 96)
    assert (reply.directive, reply.grant.seconds_left) == (pb.DIRECTIVE_CONTINUE, 60)


async def test_a_raised_credit_limit_extends_the_call(
    installation: Installation, running: Gateway
) -> None:
    await running.charge("c1", 95)
    await installation.update("acme", credit_limit_micros=1_000_000)
    assert (await running.charge("c1", 96)).grant.seconds_left == 60


async def test_a_suspension_finishes_the_call_within_its_grant(
    installation: Installation, running: Gateway
) -> None:
    await installation.update("acme", suspended=True)
    reply = await running.charge("c1", 20)
    assert (reply.directive, reply.grant.seconds_left) == (pb.DIRECTIVE_FINISH, 40)
    assert (await running.charge("c1", 60)).directive == pb.DIRECTIVE_HANG_UP


async def test_a_lifted_suspension_lets_the_call_go_on(
    installation: Installation, running: Gateway
) -> None:
    await installation.update("acme", suspended=True)
    await running.charge("c1", 20)
    await installation.update("acme", suspended=False)
    assert (await running.charge("c1", 21)).directive == pb.DIRECTIVE_CONTINUE


async def test_after_a_lowered_cap_the_granted_stays_chargeable_and_nothing_is_extended(
    installation: Installation, running: Gateway
) -> None:
    await installation.update("acme", daily_cap_micros=15_000)
    reply = await running.charge("c1", 45)
    assert (reply.directive, reply.overrun_micros) == (pb.DIRECTIVE_FINISH, 0)
    assert reply.grant.reserved_micros == 15_000
    reply = await running.charge("c1", 70)
    assert (reply.charged_micros, reply.overrun_micros) == (60_000, 10_000)
    assert reply.directive == pb.DIRECTIVE_HANG_UP


async def test_a_raised_cap_lets_the_call_go_on(
    installation: Installation, running: Gateway
) -> None:
    await installation.update("acme", daily_cap_micros=15_000)
    await running.charge("c1", 45)
    await installation.update("acme", daily_cap_micros=1_000_000)
    assert (await running.charge("c1", 46)).directive != pb.DIRECTIVE_FINISH


async def test_a_debit_leaves_reservations_alone(
    installation: Installation, running: Gateway
) -> None:
    await installation.adjust("acme", -40_000)
    balance = await installation.balance()
    assert (balance.balance_micros, balance.available_micros) == (50_000, 0)
    assert (await running.charge("c1", 50)).charged_micros == 50_000


async def test_a_running_call_keeps_its_tariff_version_and_new_ones_take_the_new(
    installation: Installation, running: Gateway
) -> None:
    dearer = clock_tariff(rate="0.12")
    await installation.admin(billing.PutTariffRequest(request_id="clock-2", tariff=dearer))
    assert (await running.charge("c1", 20)).charged_micros == 20_000
    new = await running.accepted("c2")
    assert new.tariff_version == "clock@2"
    assert (await running.charge("c2", 10)).charged_micros == 20_000
    assert (await running.posted("c1", 25)).tariff_version == "clock@1"
    assert (await running.posted("c2", 10)).tariff_version == "clock@2"
    await installation.settled_down()


async def test_a_version_of_a_later_date_is_not_taken_before_it(
    installation: Installation, running: Gateway
) -> None:
    later = clock_tariff(rate="0.12")
    later.effective_from.FromDatetime(datetime.now(UTC) + timedelta(hours=1))
    await installation.admin(billing.PutTariffRequest(request_id="clock-2", tariff=later))
    assert (await running.accepted("c2")).tariff_version == "clock@1"


async def test_another_tariff_prices_the_tenants_new_calls(
    installation: Installation, running: Gateway
) -> None:
    other = clock_tariff("dear", rate="0.12")
    await installation.admin(billing.PutTariffRequest(request_id="dear-1", tariff=other))
    await installation.update("acme", tariff="dear")
    assert (await running.accepted("c2")).tariff_version == "dear@1"
    assert (await running.charge("c1", 20)).charged_micros == 20_000


async def test_a_call_that_another_process_pinned_is_rated_with_its_pin(
    installation: Installation, running: Gateway
) -> None:
    dearer = clock_tariff(rate="0.12")
    await installation.admin(billing.PutTariffRequest(request_id="clock-2", tariff=dearer))
    installation.parts.book.forget(("acme", "c1"))
    assert (await running.charge("c1", 20)).charged_micros == 20_000


async def test_a_new_zone_starts_at_the_next_midnight_of_the_old_one(
    installation: Installation, running: Gateway
) -> None:
    changed = await installation.update("acme", time_zone="Asia/Tokyo")
    assert (changed.time_zone, changed.next_time_zone) == ("UTC", "Asia/Tokyo")
    midnight = datetime.combine(datetime.now(UTC).date(), datetime.min.time()) + timedelta(days=1)
    assert changed.zone_starts_at.ToDatetime() == midnight
    assert (await installation.balance()).resets_at.ToDatetime() == midnight
    assert (await running.charge("c1", 20)).charged_micros == 20_000


async def test_every_change_takes_the_tenants_next_version(
    installation: Installation, running: Gateway
) -> None:
    versions = [
        (await installation.update("acme", suspended=suspended)).version
        for suspended in (True, False, True)
    ]
    assert versions == [3, 4, 5]
    assert not await installation.ledger("SELECT count(*) FROM tenant_changes WHERE NOT applied")
