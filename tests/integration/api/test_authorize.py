"""May a call start: every reason to refuse it, in order, and what a grant holds."""

from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from tests.integration.api.client import Told
from tests.integration.api.conftest import Install
from tests.integration.api.gateway import Gateway
from tests.integration.api.installation import (
    SECOND,
    Installation,
    clock_tariff,
    eventually,
    usage,
)
from tollgate.v1 import billing_pb2 as billing
from tollgate.v1 import call_authorization_pb2 as pb
from tollgate.v1 import common_pb2

pytestmark = pytest.mark.both_transports

KEY_REUSED = Told(grpc.StatusCode.ALREADY_EXISTS, "KEY_REUSED")
REASONS = pb.RefusalReason


def midnight_utc() -> Timestamp:
    """When the running day ends for a tenant in UTC."""
    stamp = Timestamp()
    stamp.FromDatetime(
        datetime.combine(datetime.now(UTC).date() + timedelta(days=1), datetime.min.time())
    )
    return stamp


async def test_authorize_reserves_a_minute_at_the_expected_pace(gateway: Gateway) -> None:
    reply = await gateway.accepted()
    assert reply.grant == pb.Grant(
        reserved_micros=60 * SECOND, seconds_left=60, valid_for_ms=60_000
    )
    assert reply.directive == pb.DIRECTIVE_CONTINUE
    assert reply.state == common_pb2.CALL_STATE_AUTHORIZED
    assert reply.tariff_version == "clock@1"


async def test_the_balance_shows_what_is_reserved(
    installation: Installation, gateway: Gateway
) -> None:
    await gateway.accepted()
    balance = await installation.balance()
    assert (balance.balance_micros, balance.reserved_micros) == (1_000_000, 60 * SECOND)
    assert (balance.available_micros, balance.active_calls) == (940_000, 1)
    assert (balance.spent_today_micros, balance.unposted_micros) == (0, 0)


@pytest.mark.parametrize(
    ("fields", "reserved"),
    [
        ({"balance": 40_000}, 40_000),
        ({"balance": 100_000, "daily_cap_micros": 30_000}, 30_000),
        ({"balance": 100_000, "call_cost_limit_micros": 25_000}, 25_000),
        ({"credit_limit_micros": 50_000}, 50_000),
        ({"balance": 20_000, "credit_limit_micros": 15_000}, 35_000),
    ],
)
async def test_authorize_reserves_what_fits_into_the_narrowest_bound(
    installation: Installation, fields: dict[str, Any], reserved: int
) -> None:
    await installation.tenant(**fields)
    reply = await Gateway(installation.admin).accepted()
    assert reply.grant.reserved_micros == reserved
    assert reply.directive == pb.DIRECTIVE_WARN


async def test_a_grant_below_the_low_water_is_the_last_one(installation: Installation) -> None:
    await installation.tenant(balance=15 * SECOND)
    reply = await Gateway(installation.admin).accepted()
    assert reply.directive == pb.DIRECTIVE_FINISH
    assert (reply.grant.seconds_left, reply.grant.valid_for_ms) == (15, 15_000)


async def test_the_analytics_fee_is_reserved_on_top(gateway: Gateway) -> None:
    reply = await gateway.accepted(analytics=True)
    assert reply.grant.reserved_micros == 60 * SECOND + 2_000


async def test_an_unknown_tenant_is_refused(installation: Installation) -> None:
    refusal = await Gateway(installation.admin, "nobody").refused()
    assert refusal == pb.Refusal(
        reason=REASONS.REFUSAL_REASON_UNKNOWN_TENANT, sip_status=403, q850_cause=21
    )


REFUSED: list[tuple[str, dict[str, Any], dict[str, Any], pb.Refusal]] = [
    (
        "TENANT_SUSPENDED",
        {"balance": 500, "suspended": True},
        {},
        pb.Refusal(available_micros=500, sip_status=403, q850_cause=21),
    ),
    (
        "UNKNOWN_MODEL",
        {"balance": 100_000},
        {"model": "gpt-9"},
        pb.Refusal(available_micros=100_000, sip_status=403, q850_cause=21),
    ),
    (
        "INSUFFICIENT_BALANCE",
        {"balance": 10 * SECOND - 1},
        {},
        pb.Refusal(available_micros=9_999, sip_status=402, q850_cause=21),
    ),
    (
        "DAILY_CAP_REACHED",
        {"balance": 100_000, "daily_cap_micros": 9_999},
        {},
        pb.Refusal(available_micros=100_000, daily_cap_micros=9_999, sip_status=402, q850_cause=21),
    ),
    (
        "CALL_COST_LIMIT",
        {"balance": 100_000, "call_cost_limit_micros": 9_999},
        {},
        pb.Refusal(available_micros=100_000, sip_status=402, q850_cause=21),
    ),
    (
        "TOO_MANY_CONCURRENT_CALLS",
        {"balance": 100_000, "concurrent_calls": 0},
        {},
        pb.Refusal(available_micros=100_000, sip_status=486, q850_cause=17),
    ),
    (
        "CALLER_LIMIT",
        {"balance": 100_000, "caller_daily_limit_micros": 9_999},
        {},
        pb.Refusal(
            available_micros=100_000,
            sip_status=402,
            q850_cause=21,
            caller_daily_limit_micros=9_999,
            caller_spent_today_micros=0,
            caller_reserved_micros=0,
        ),
    ),
    (
        "RATE_LIMITED",
        {"balance": 100_000, "calls_per_minute": 0},
        {},
        pb.Refusal(available_micros=100_000, sip_status=486, q850_cause=17, calls_per_minute=0),
    ),
]


@pytest.mark.parametrize(
    ("reason", "tenant", "call", "refusal"), REFUSED, ids=lambda c: str(c)[:26]
)
async def test_a_refusal_carries_its_reason_figures_and_causes(
    installation: Installation,
    reason: str,
    tenant: dict[str, Any],
    call: dict[str, Any],
    refusal: pb.Refusal,
) -> None:
    await installation.tenant(**tenant)
    refusal.reason = REASONS.Value(f"REFUSAL_REASON_{reason}")
    refusal.resets_at.CopyFrom(midnight_utc())
    assert await Gateway(installation.admin).refused(**call) == refusal


async def test_no_money_and_money_held_by_other_calls_are_told_apart(
    installation: Installation,
) -> None:
    await installation.tenant(balance=65 * SECOND)
    gateway = Gateway(installation.admin)
    await gateway.accepted("c1")
    refusal = await gateway.refused("c2")
    assert refusal.reason == REASONS.REFUSAL_REASON_INSUFFICIENT_BALANCE
    assert (refusal.available_micros, refusal.reserved_micros) == (5_000, 60_000)


async def test_a_refusal_tells_what_was_spent_today(installation: Installation) -> None:
    await installation.tenant(balance=100_000, daily_cap_micros=30_000)
    gateway = Gateway(installation.admin)
    await gateway.accepted("c1")
    await gateway.posted("c1", 25)
    refusal = await gateway.refused("c2")
    assert refusal.reason == REASONS.REFUSAL_REASON_DAILY_CAP_REACHED
    assert (refusal.spent_today_micros, refusal.daily_cap_micros) == (25_000, 30_000)
    assert (refusal.available_micros, refusal.reserved_micros) == (75_000, 0)


async def test_reservations_count_against_the_running_days_cap(installation: Installation) -> None:
    await installation.tenant(balance=1_000_000, daily_cap_micros=65_000)
    gateway = Gateway(installation.admin)
    await gateway.accepted("c1")
    refusal = await gateway.refused("c2")
    assert refusal.reason == REASONS.REFUSAL_REASON_DAILY_CAP_REACHED


async def test_concurrent_calls_are_counted_until_they_settle(installation: Installation) -> None:
    await installation.tenant(balance=1_000_000, concurrent_calls=1)
    gateway = Gateway(installation.admin)
    await gateway.accepted("c1")
    refusal = await gateway.refused("c2")
    assert refusal.reason == REASONS.REFUSAL_REASON_TOO_MANY_CONCURRENT_CALLS
    await gateway.settle("c1", 5)
    await gateway.accepted("c2")


# Every reason that can hold at once with those after it, from the first to the last.
LIFTED: list[tuple[str, dict[str, Any]]] = [
    ("TENANT_SUSPENDED", {"suspended": False}),
    ("INSUFFICIENT_BALANCE", {"credit_limit_micros": 1_000_000}),
    ("DAILY_CAP_REACHED", {"daily_cap_micros": 1_000_000}),
    ("CALL_COST_LIMIT", {"call_cost_limit_micros": 1_000_000}),
    ("TOO_MANY_CONCURRENT_CALLS", {"concurrent_calls": 1}),
    ("CALLER_LIMIT", {"caller_daily_limit_micros": 1_000_000}),
    ("RATE_LIMITED", {"calls_per_minute": 1}),
]


async def test_the_first_reason_that_applies_is_told(installation: Installation) -> None:
    await installation.tenant(
        suspended=True,
        daily_cap_micros=0,
        call_cost_limit_micros=0,
        concurrent_calls=0,
        caller_daily_limit_micros=0,
        calls_per_minute=0,
    )
    gateway = Gateway(installation.admin)
    for reason, lifting in LIFTED:
        refusal = await gateway.refused()
        assert pb.RefusalReason.Name(refusal.reason) == f"REFUSAL_REASON_{reason}"
        await installation.update("acme", **lifting)
    await gateway.accepted()


async def test_suspension_comes_before_an_unknown_model_and_that_before_money(
    installation: Installation,
) -> None:
    await installation.tenant(suspended=True)
    gateway = Gateway(installation.admin)
    suspended = await gateway.refused(model="gpt-9")
    assert suspended.reason == REASONS.REFUSAL_REASON_TENANT_SUSPENDED
    await installation.update("acme", suspended=False)
    assert (await gateway.refused(model="gpt-9")).reason == REASONS.REFUSAL_REASON_UNKNOWN_MODEL


async def test_a_call_that_can_cost_nothing_needs_no_money(installation: Installation) -> None:
    tariff = clock_tariff("gratis", rate="0", fee="0")
    await installation.admin(billing.PutTariffRequest(request_id="gratis", tariff=tariff))
    await installation.tenant(tariff="gratis")
    gateway = Gateway(installation.admin)
    reply = await gateway.accepted()
    assert reply.grant.reserved_micros == 0
    assert reply.directive == pb.DIRECTIVE_CONTINUE
    assert reply.grant.valid_for_ms == 60_000


async def test_a_repeated_authorize_has_the_same_decision_and_moves_no_money(
    installation: Installation, gateway: Gateway
) -> None:
    first = await gateway.accepted()
    before = await installation.balance()
    again = await gateway.accepted()
    assert again.usage == usage(0)
    again.ClearField("usage")
    assert again == first
    assert await installation.balance() == before


async def test_the_figures_of_a_repeated_authorize_are_current(gateway: Gateway) -> None:
    await gateway.accepted()
    await gateway.charge("c1", 30)
    again = await gateway.accepted()
    assert again.grant.reserved_micros == 30 * SECOND
    assert again.state == common_pb2.CALL_STATE_ACTIVE
    assert again.usage == usage(30)


@pytest.mark.parametrize(
    "other",
    [
        {"model": "clock-2"},
        {"caller": "+7999"},
        {"callee": "+7999"},
        {"direction": common_pb2.DIRECTION_OUTBOUND},
    ],
    ids=lambda other: next(iter(other)),
)
async def test_an_authorize_with_other_content_is_key_reused(
    installation: Installation, gateway: Gateway, other: dict[str, Any]
) -> None:
    await gateway.accepted()
    before = await installation.balance(), await gateway.call()
    assert await gateway.told(gateway.authorization(**other)) == KEY_REUSED
    assert (await installation.balance(), await gateway.call()) == before


async def test_a_repeat_is_answered_before_any_reason_to_refuse(
    installation: Installation, gateway: Gateway
) -> None:
    await gateway.accepted()
    await installation.update("acme", concurrent_calls=0, daily_cap_micros=0)
    await gateway.accepted()


async def test_a_refusal_is_not_stored_and_a_repeat_is_decided_anew(
    installation: Installation,
) -> None:
    await installation.tenant()
    gateway = Gateway(installation.admin)
    await gateway.refused(caller="+7999")
    await installation.adjust("acme", 100_000)
    await gateway.accepted(caller="+7000")


async def test_authorizing_a_settled_call_is_refused(gateway: Gateway) -> None:
    await gateway.accepted()
    await gateway.settle("c1", 10)
    reply = await gateway.authorize()
    assert reply.refusal.reason == REASONS.REFUSAL_REASON_CALL_ALREADY_SETTLED
    assert (reply.refusal.sip_status, reply.refusal.q850_cause) == (403, 21)
    assert (reply.refusal.available_micros, reply.refusal.spent_today_micros) == (990_000, 10_000)
    assert reply.state == common_pb2.CALL_STATE_SETTLED


async def test_authorizing_a_settled_call_with_other_content_is_key_reused(
    gateway: Gateway,
) -> None:
    await gateway.accepted()
    await gateway.settle("c1", 10)
    assert await gateway.told(gateway.authorization(caller="+7999")) == KEY_REUSED


async def test_refusals_are_counted_in_the_ledger_and_kept_in_detail(
    installation: Installation,
) -> None:
    await installation.tenant()
    gateway = Gateway(installation.admin)
    for call_id in ("c1", "c2"):
        await gateway.refused(call_id)
    await installation.parts.refusals.flush()
    counted = "SELECT reason || count FROM refusal_counts WHERE tenant = 'acme'"
    assert await installation.ledger(counted) == "INSUFFICIENT_BALANCE2"
    kept = "SELECT array_agg(call_id ORDER BY id) FROM refusals WHERE tenant = 'acme'"
    assert await installation.ledger(kept) == ["c1", "c2"]


async def test_above_max_outbox_no_call_starts_but_settles_go_on(install: Install) -> None:
    async with install(posts=False, max_outbox=1) as installation:
        await installation.tenant(balance=1_000_000)
        gateway = Gateway(installation.admin)
        for call_id in ("c1", "c2"):
            await gateway.accepted(call_id)
        await gateway.settle("c1", 5)
        told = await gateway.told(gateway.authorization("c3"))
        assert told == Told(grpc.StatusCode.UNAVAILABLE, "OUTBOX_FULL")
        assert (await gateway.settle("c2", 5)).settlement == common_pb2.SETTLEMENT_ACCEPTED
        installation.beside(installation.parts.posters[0].run)
        await installation.settled_down()

        async def starts() -> bool:
            return (await gateway.accepted("c3")).decision == pb.DECISION_ACCEPTED

        await eventually(starts)
