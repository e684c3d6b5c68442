"""The guards beside the money: calls per minute, cost per caller a day, the longest call."""

import asyncio

import pytest

from tests.integration.api.gateway import Gateway
from tests.integration.api.installation import SECOND, Installation
from tests.integration.api.test_parallel import desk_of
from tollgate.v1 import call_authorization_pb2 as pb
from tollgate.v1 import common_pb2

pytestmark = pytest.mark.both_transports

RATE_LIMITED = pb.REFUSAL_REASON_RATE_LIMITED
CALLER_LIMIT = pb.REFUSAL_REASON_CALLER_LIMIT


async def test_of_many_calls_at_once_as_many_start_as_a_minute_may_have(
    installation: Installation,
) -> None:
    await installation.tenant(balance=1_000_000_000, calls_per_minute=7)
    gateway, desk = Gateway(installation.admin), desk_of(installation.parts)
    replies = await asyncio.gather(
        *(desk.authorize(gateway.authorization(f"c{number}")) for number in range(500))
    )
    refused = [reply.refusal for reply in replies if reply.decision == pb.DECISION_REJECTED]
    assert len(refused) == 493
    assert {refusal.reason for refusal in refused} == {RATE_LIMITED}
    for refusal in refused:
        assert 0 < refusal.retry_after_ms <= 60_000 / 7 + 1
        assert (refusal.calls_per_minute, refusal.sip_status, refusal.q850_cause) == (7, 486, 17)


async def test_repeats_and_calls_that_go_on_do_not_count_as_starts(
    installation: Installation,
) -> None:
    await installation.tenant(balance=1_000_000, calls_per_minute=1)
    gateway = Gateway(installation.admin)
    await gateway.accepted("c1")
    await gateway.accepted("c1")
    await gateway.accepted("c2", seconds=5)
    await gateway.accepted("c3", seconds=5)
    assert (await gateway.refused("c4")).reason == RATE_LIMITED
    await installation.update("acme", calls_per_minute=5)
    await gateway.accepted("c4")


async def test_where_no_call_may_start_none_is_told_to_wait(installation: Installation) -> None:
    await installation.tenant(balance=1_000_000, calls_per_minute=0)
    refusal = await Gateway(installation.admin).refused()
    assert (refusal.reason, refusal.calls_per_minute) == (RATE_LIMITED, 0)
    assert not refusal.HasField("retry_after_ms")


async def test_calls_of_one_caller_together_cost_no_more_than_its_limit(
    installation: Installation,
) -> None:
    await installation.tenant(balance=10_000_000, caller_daily_limit_micros=125 * SECOND)
    gateway = Gateway(installation.admin)
    await gateway.accepted("c1")
    await gateway.charge("c1", 20)
    await gateway.accepted("c2")
    refusal = await gateway.refused("c3")
    assert (refusal.reason, refusal.sip_status, refusal.q850_cause) == (CALLER_LIMIT, 402, 21)
    assert refusal.caller_daily_limit_micros == 125_000
    assert (refusal.caller_spent_today_micros, refusal.caller_reserved_micros) == (20_000, 100_000)
    await gateway.accepted("another", caller="+7001")
    await gateway.accepted("outbound", direction=common_pb2.DIRECTION_OUTBOUND)


async def test_calls_without_a_number_are_one_caller(installation: Installation) -> None:
    await installation.tenant(balance=10_000_000, caller_daily_limit_micros=60 * SECOND)
    gateway = Gateway(installation.admin)
    await gateway.accepted("c1", caller="")
    assert (await gateway.refused("c2", caller="")).reason == CALLER_LIMIT


async def test_what_a_caller_spent_counts_after_its_calls_are_settled(
    installation: Installation,
) -> None:
    await installation.tenant(balance=10_000_000, caller_daily_limit_micros=100 * SECOND)
    gateway = Gateway(installation.admin)
    await gateway.accepted("c1")
    await gateway.charge("c1", 91)
    await gateway.posted("c1", 91)
    refusal = await gateway.refused("c2")
    assert (refusal.reason, refusal.caller_spent_today_micros) == (CALLER_LIMIT, 91_000)
    assert refusal.caller_reserved_micros == 0
    await installation.update("acme", "limits.caller_daily_limit_micros")
    await gateway.accepted("c2")


async def test_many_calls_of_one_caller_never_charge_more_than_its_limit(
    installation: Installation,
) -> None:
    await installation.tenant(balance=10_000_000, caller_daily_limit_micros=400 * SECOND)
    gateway = Gateway(installation.admin)

    async def live(call_id: str) -> int:
        """One call from start to end; what was charged for it."""
        if (await gateway.authorize(call_id)).decision == pb.DECISION_REJECTED:
            return 0
        for seconds in (5, 35, 60):
            await gateway.charge(call_id, seconds)
        return (await gateway.posted(call_id, 62)).charged_micros

    charged = await asyncio.gather(*(live(f"c{number}") for number in range(20)))
    assert sum(charged) == 400 * SECOND
    await installation.settled_down()


async def test_a_lowered_caller_limit_finishes_the_callers_calls(
    installation: Installation,
) -> None:
    await installation.tenant(balance=10_000_000, caller_daily_limit_micros=400 * SECOND)
    gateway = Gateway(installation.admin)
    await gateway.accepted("c1")
    await installation.update("acme", caller_daily_limit_micros=30 * SECOND)
    reply = await gateway.charge("c1", 20)
    assert (reply.directive, reply.grant.seconds_left) == (pb.DIRECTIVE_FINISH, 40)


async def test_a_limit_that_comes_while_a_call_runs_counts_what_it_holds_and_cost(
    installation: Installation,
) -> None:
    await installation.tenant(balance=10_000_000)
    gateway = Gateway(installation.admin)
    await gateway.accepted("c1")
    await gateway.charge("c1", 20)
    await installation.update("acme", caller_daily_limit_micros=65 * SECOND)
    await gateway.charge("c1", 21)
    refusal = await gateway.refused("c2")
    assert (refusal.caller_spent_today_micros, refusal.caller_reserved_micros) == (21_000, 39_000)


async def test_a_call_is_warned_finished_and_cut_at_the_longest_it_may_last(
    installation: Installation,
) -> None:
    await installation.tenant(balance=10_000_000, call_length_limit_ms=90_000)
    gateway = Gateway(installation.admin)
    assert (await gateway.accepted("c1")).directive == pb.DIRECTIVE_CONTINUE
    told = []
    for seconds in (29, 45, 69, 71, 90):
        reply = await gateway.charge("c1", seconds)
        told.append((reply.directive, reply.grant.seconds_left))
    assert told == [
        (pb.DIRECTIVE_CONTINUE, 31),
        (pb.DIRECTIVE_WARN, 45),
        (pb.DIRECTIVE_WARN, 21),
        (pb.DIRECTIVE_FINISH, 19),
        (pb.DIRECTIVE_HANG_UP, 0),
    ]


async def test_no_more_is_reserved_than_the_longest_call_may_use(
    installation: Installation,
) -> None:
    await installation.tenant(balance=10_000_000, call_length_limit_ms=30_000)
    gateway = Gateway(installation.admin)
    reply = await gateway.accepted("c1")
    assert (reply.grant.reserved_micros, reply.grant.seconds_left) == (30_000, 30)
    assert reply.grant.valid_for_ms == 30_000
    assert (await gateway.charge("c1", 15)).grant.reserved_micros == 15_000


async def test_a_lowered_call_length_takes_effect_on_running_calls(
    installation: Installation,
) -> None:
    await installation.tenant(balance=10_000_000)
    gateway = Gateway(installation.admin)
    await gateway.accepted("c1")
    await gateway.charge("c1", 40)
    await installation.update("acme", call_length_limit_ms=50_000)
    reply = await gateway.charge("c1", 41)
    assert (reply.directive, reply.grant.seconds_left) == (pb.DIRECTIVE_FINISH, 9)
    await installation.update("acme", call_length_limit_ms=41_000)
    assert (await gateway.charge("c1", 41)).directive == pb.DIRECTIVE_HANG_UP
    await installation.update("acme", "limits.call_length_limit_ms")
    assert (await gateway.charge("c1", 42)).directive == pb.DIRECTIVE_CONTINUE
