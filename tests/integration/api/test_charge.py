"""A running call: what its reports charge, extend and tell."""

import asyncio

import pytest

from tests.integration.api.gateway import Gateway
from tests.integration.api.installation import SECOND, Installation, usage
from tollgate.v1 import call_authorization_pb2 as pb
from tollgate.v1 import common_pb2

pytestmark = pytest.mark.both_transports


async def test_a_charge_takes_the_rise_from_the_reservation(
    installation: Installation, gateway: Gateway
) -> None:
    await gateway.accepted()
    reply = await gateway.charge("c1", 10)
    assert (reply.rated_micros, reply.charged_micros, reply.overrun_micros) == (10_000, 10_000, 0)
    assert reply.grant == pb.Grant(
        reserved_micros=50 * SECOND, seconds_left=50, valid_for_ms=50_000
    )
    assert (reply.directive, reply.state) == (
        pb.DIRECTIVE_CONTINUE,
        common_pb2.CALL_STATE_ACTIVE,
    )
    balance = await installation.balance()
    assert (balance.balance_micros, balance.reserved_micros) == (990_000, 50_000)
    assert (balance.spent_today_micros, balance.unposted_micros) == (10_000, 10_000)


async def test_usage_is_cumulative_and_each_report_charges_only_its_rise(
    gateway: Gateway,
) -> None:
    await gateway.accepted()
    for seconds in (5, 10, 25):
        reply = await gateway.charge("c1", seconds)
        assert reply.charged_micros == seconds * SECOND


async def test_a_reservation_below_the_low_water_is_extended_to_a_minute(
    gateway: Gateway,
) -> None:
    await gateway.accepted()
    assert (await gateway.charge("c1", 40)).grant.reserved_micros == 20 * SECOND
    assert (await gateway.charge("c1", 41)).grant.reserved_micros == 60 * SECOND


async def test_extensions_follow_the_calls_own_pace(gateway: Gateway) -> None:
    await gateway.accepted()
    reply = await gateway.charge("c1", 50, elapsed_ms=10_000)
    assert reply.grant.reserved_micros == 60 * 5 * SECOND
    assert reply.grant.seconds_left == 60


async def test_an_equal_report_is_a_heartbeat(installation: Installation, gateway: Gateway) -> None:
    await gateway.accepted()
    await gateway.charge("c1", 10)
    before, leased = await installation.balance(), (await gateway.call()).lease_expires_at
    reply = await gateway.charge("c1", 10)
    assert (reply.charged_micros, reply.directive) == (10_000, pb.DIRECTIVE_CONTINUE)
    assert await installation.balance() == before
    assert (await gateway.call()).lease_expires_at.ToNanoseconds() > leased.ToNanoseconds()


async def test_reordered_reports_charge_the_highest_once(gateway: Gateway) -> None:
    await gateway.accepted()
    await gateway.charge("c1", 30)
    late = await gateway.charge("c1", 20)
    assert (late.rated_micros, late.charged_micros) == (30_000, 30_000)
    assert late.usage == usage(30)


async def test_a_lost_report_is_healed_by_the_next(gateway: Gateway) -> None:
    await gateway.accepted()
    assert (await gateway.charge("c1", 35)).charged_micros == 35_000


async def test_reports_at_the_same_time_charge_the_highest_once(gateway: Gateway) -> None:
    await gateway.accepted()
    await asyncio.gather(*(gateway.charge("c1", seconds) for seconds in range(4, 40)))
    assert (await gateway.call()).charged_micros == 39_000


async def test_nothing_is_charged_in_the_free_period(
    installation: Installation, gateway: Gateway
) -> None:
    await gateway.accepted()
    reply = await gateway.charge("c1", 2.999)
    assert (reply.rated_micros, reply.charged_micros) == (0, 0)
    assert (await installation.balance()).spent_today_micros == 0
    assert (await gateway.charge("c1", 3)).charged_micros == 3_000


async def test_a_call_that_was_not_answered_is_not_charged(gateway: Gateway) -> None:
    await gateway.accepted()
    reply = await gateway.charge("c1", 50, elapsed_ms=None)
    assert reply.charged_micros == 0
    assert reply.grant.reserved_micros >= 50 * SECOND


async def test_the_highest_elapsed_time_counts(gateway: Gateway) -> None:
    await gateway.accepted()
    await gateway.charge("c1", 5, elapsed_ms=4_000)
    assert (await gateway.charge("c1", 6, elapsed_ms=1_000)).charged_micros == 6_000


async def test_what_runs_short_is_warned_of_then_finished_then_hung_up(
    installation: Installation,
) -> None:
    await installation.tenant(balance=100 * SECOND)
    gateway = Gateway(installation.admin)
    await gateway.accepted()
    short = await gateway.charge("c1", 45)
    assert short.directive == pb.DIRECTIVE_WARN
    assert short.grant.reserved_micros == 55 * SECOND
    last = await gateway.charge("c1", 90)
    assert last.directive == pb.DIRECTIVE_FINISH
    assert (last.grant.seconds_left, last.grant.valid_for_ms) == (10, 10_000)
    end = await gateway.charge("c1", 100)
    assert (end.directive, end.grant) == (pb.DIRECTIVE_HANG_UP, pb.Grant())


async def test_overrun_is_final_whatever_top_up_follows(installation: Installation) -> None:
    await installation.tenant(balance=20 * SECOND)
    gateway = Gateway(installation.admin)
    await gateway.accepted()
    over = await gateway.charge("c1", 30)
    assert (over.rated_micros, over.charged_micros, over.overrun_micros) == (30_000, 20_000, 10_000)
    await installation.adjust("acme", 1_000_000)
    settled = await gateway.posted("c1", 31)
    assert (settled.charged_micros, settled.overrun_micros) == (21_000, 10_000)
    assert (await installation.balance()).balance_micros == 999_000
    await installation.settled_down()


async def test_the_daily_cap_bounds_what_all_calls_charge(installation: Installation) -> None:
    await installation.tenant(balance=1_000_000, daily_cap_micros=90_000)
    gateway = Gateway(installation.admin)
    for call_id in ("c1", "c2"):
        await gateway.accepted(call_id)
    for call_id in ("c1", "c2"):
        await gateway.charge(call_id, 80)
    balance = await installation.balance()
    assert (balance.spent_today_micros, balance.reserved_micros) == (90_000, 0)
    overruns = [(await gateway.call(call_id)).overrun_micros for call_id in ("c1", "c2")]
    assert sum(overruns) == 70_000


async def test_the_call_cost_limit_bounds_one_call(installation: Installation) -> None:
    await installation.tenant(balance=1_000_000, call_cost_limit_micros=50_000)
    gateway = Gateway(installation.admin)
    assert (await gateway.accepted()).directive == pb.DIRECTIVE_WARN
    assert (await gateway.charge("c1", 40)).directive == pb.DIRECTIVE_FINISH
    reply = await gateway.charge("c1", 60)
    assert (reply.charged_micros, reply.overrun_micros) == (50_000, 10_000)
    assert reply.directive == pb.DIRECTIVE_HANG_UP


async def test_a_charge_for_a_call_nobody_holds_asks_for_a_reauthorize(gateway: Gateway) -> None:
    reply = await gateway.charge("nobody", 10)
    assert reply == pb.ChargeResponse(
        directive=pb.DIRECTIVE_REAUTHORIZE, state=common_pb2.CALL_STATE_UNKNOWN
    )


async def test_a_charge_of_an_unknown_tenant_is_answered_alike(installation: Installation) -> None:
    reply = await Gateway(installation.admin, "nobody").charge("c1", 10)
    assert reply.directive == pb.DIRECTIVE_REAUTHORIZE


async def test_a_charge_after_settle_is_told_to_hang_up(
    installation: Installation, gateway: Gateway
) -> None:
    await gateway.accepted()
    await gateway.posted("c1", 10)
    before = await installation.balance()
    reply = await gateway.charge("c1", 20)
    assert (reply.directive, reply.state) == (
        pb.DIRECTIVE_HANG_UP,
        common_pb2.CALL_STATE_SETTLED,
    )
    assert (reply.charged_micros, reply.grant) == (10_000, pb.Grant())
    assert await installation.balance() == before
    assert not (await gateway.call()).HasField("late_usage")


async def test_an_ended_call_is_not_extended_and_hangs_up(gateway: Gateway) -> None:
    await gateway.accepted()
    for _ in range(2):
        assert (await gateway.end("c1")).state == common_pb2.CALL_STATE_AUTHORIZED
    reply = await gateway.charge("c1", 50)
    assert (reply.directive, reply.charged_micros) == (pb.DIRECTIVE_HANG_UP, 50_000)
    assert (reply.grant.reserved_micros, reply.grant.valid_for_ms) == (10_000, 0)
    assert (await gateway.settle("c1", 55)).charged_micros == 55_000


@pytest.mark.parametrize("seconds", [0, 2.9])
async def test_a_call_under_the_free_period_leaves_no_trace_in_spend(
    installation: Installation, gateway: Gateway, seconds: float
) -> None:
    await gateway.accepted(analytics=True)
    await gateway.charge("c1", seconds)
    settled = await gateway.posted("c1", seconds, analytics=True)
    assert (settled.rated_micros, list(settled.cost), list(settled.spend_by_day)) == (0, [], [])
    balance = await installation.balance()
    assert (balance.balance_micros, balance.spent_today_micros) == (1_000_000, 0)
    assert not await installation.ledger("SELECT count(*) FROM daily_spend")
    assert not await installation.ledger("SELECT count(*) FROM postings WHERE call_id IS NOT NULL")
