"""Closing calls: the first result whatever comes after it, and what the ledger holds of it."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from tests.integration.api.client import Told
from tests.integration.api.conftest import Install
from tests.integration.api.gateway import Gateway
from tests.integration.api.installation import Installation, clock_tariff, usage
from tollgate.v1 import billing_pb2 as billing
from tollgate.v1 import call_authorization_pb2 as pb
from tollgate.v1 import common_pb2

pytestmark = pytest.mark.both_transports

KEY_REUSED = Told(grpc.StatusCode.ALREADY_EXISTS, "KEY_REUSED")
TIMES = {
    "started_at": Timestamp(seconds=1_700_000_000),
    "answered_at": Timestamp(seconds=1_700_000_002),
    "ended_at": Timestamp(seconds=1_700_000_012),
}
TODAY = f"{datetime.now(UTC):%Y-%m-%d}"


async def test_settle_charges_the_last_rise_and_releases_the_rest(
    installation: Installation, gateway: Gateway
) -> None:
    await gateway.accepted()
    await gateway.charge("c1", 10)
    reply = await gateway.posted("c1", 15, **TIMES)
    assert reply == pb.SettleResponse(
        settlement=common_pb2.SETTLEMENT_POSTED,
        state=common_pb2.CALL_STATE_SETTLED,
        rated_micros=15_000,
        charged_micros=15_000,
        cost=[common_pb2.CostComponent(component="telephony", amount_micros=15_000)],
        tariff_version="clock@1",
        outcome=common_pb2.OUTCOME_COMPLETED,
        spend_by_day=[common_pb2.DaySpend(day=TODAY, amount_micros=15_000)],
    )
    balance = await installation.balance()
    assert (balance.balance_micros, balance.reserved_micros) == (985_000, 0)
    assert (balance.active_calls, balance.unposted_micros) == (0, 0)
    await installation.settled_down()


async def test_the_worked_example_settles_at_46_tenths_of_a_cent(
    installation: Installation,
) -> None:
    await installation.tenant(tariff="standard", balance=1_000_000)
    gateway = Gateway(installation.admin)
    example = {
        "model": "generic-assistant",
        "analytics": True,
        "elapsed_ms": 180_000,
        "usage": common_pb2.Usage(
            quantities={"llm_input_tokens": 2_340, "stt_ms": 90_000, "tts_ms": 90_000}
        ),
    }
    await gateway.accepted(model="generic-assistant", analytics=True)
    reply = await gateway.posted("c1", 0, **example)
    assert (reply.rated_micros, reply.charged_micros) == (46_000, 46_000)
    assert {cost.component: cost.amount_micros for cost in reply.cost} == {
        "llm": 12_000,
        "stt": 9_000,
        "tts": 23_000,
        "analytics": 2_000,
    }
    assert (await installation.balance()).balance_micros == 1_000_000 - 46_000
    await installation.settled_down()


async def test_a_repeated_settle_returns_the_first_result_and_moves_nothing(
    installation: Installation, gateway: Gateway
) -> None:
    await gateway.accepted()
    first = await gateway.posted("c1", 10, **TIMES)
    before = await installation.balance()
    assert await gateway.settle("c1", 10, **TIMES) == first
    assert await installation.balance() == before


OTHER: list[dict[str, Any]] = [
    {"seconds": 11},
    {"elapsed_ms": 9_999},
    {"ended_at": Timestamp(seconds=1_700_000_013)},
    {"started_at": Timestamp(seconds=1_699_999_999)},
    {"model": "clock-2"},
    {"caller": "+7999"},
    {"callee": "+7999"},
    {"direction": common_pb2.DIRECTION_OUTBOUND},
]


@pytest.mark.parametrize("other", OTHER, ids=lambda other: next(iter(other)))
async def test_a_settle_with_other_content_is_key_reused(
    installation: Installation, gateway: Gateway, other: dict[str, Any]
) -> None:
    await gateway.accepted()
    await gateway.posted("c1", 10, **TIMES)
    before = await installation.balance(), await gateway.call()
    conflict = gateway.settlement("c1", **({"seconds": 10} | TIMES | other))
    assert await gateway.told(conflict) == KEY_REUSED
    assert (await installation.balance(), await gateway.call()) == before


async def test_a_settle_with_another_model_than_authorized_is_key_reused(
    gateway: Gateway,
) -> None:
    await gateway.accepted()
    assert await gateway.told(gateway.settlement("c1", 10, caller="+7999")) == KEY_REUSED
    assert (await gateway.call()).state == common_pb2.CALL_STATE_AUTHORIZED


async def test_a_settle_below_the_highest_report_changes_nothing(gateway: Gateway) -> None:
    await gateway.accepted()
    await gateway.charge("c1", 30)
    reply = await gateway.settle("c1", 20)
    assert (reply.rated_micros, reply.charged_micros) == (30_000, 30_000)


async def test_a_correction_comes_off_what_was_charged(
    installation: Installation, gateway: Gateway
) -> None:
    await gateway.accepted()
    await gateway.charge("c1", 30)
    reply = await gateway.posted("c1", 20, corrects_usage=True)
    assert (reply.rated_micros, reply.charged_micros, reply.overrun_micros) == (20_000, 20_000, 0)
    balance = await installation.balance()
    assert (balance.balance_micros, balance.spent_today_micros) == (980_000, 20_000)
    await installation.settled_down()


async def test_a_correction_comes_off_the_overrun_first(installation: Installation) -> None:
    await installation.tenant(balance=20_000)
    gateway = Gateway(installation.admin)
    await gateway.accepted()
    await gateway.charge("c1", 30)
    reply = await gateway.posted("c1", 22, corrects_usage=True)
    assert (reply.charged_micros, reply.overrun_micros) == (20_000, 2_000)
    await installation.settled_down()


async def test_an_overrun_is_posted_back_so_that_funds_change_by_what_was_charged(
    installation: Installation,
) -> None:
    await installation.tenant(balance=20_000)
    gateway = Gateway(installation.admin)
    await gateway.accepted()
    reply = await gateway.posted("c1", 30)
    assert (reply.rated_micros, reply.charged_micros, reply.overrun_micros) == (
        30_000,
        20_000,
        10_000,
    )
    kinds = "SELECT jsonb_object_agg(kind, amount_micros) FROM postings WHERE call_id = 'c1'"
    assert await installation.ledger(kinds) == {"revenue.telephony": 30_000, "overrun": 10_000}
    funds = "SELECT balance_micros FROM accounts WHERE tenant = 'acme'"
    assert await installation.ledger(funds) == 0
    await installation.settled_down()


async def test_a_settle_is_accepted_while_nothing_is_posted(install: Install) -> None:
    async with install(posts=False) as installation:
        await installation.tenant(balance=1_000_000)
        gateway = Gateway(installation.admin)
        await gateway.accepted()
        accepted = await gateway.settle("c1", 10)
        assert accepted.settlement == common_pb2.SETTLEMENT_ACCEPTED
        balance = await installation.balance()
        assert (balance.balance_micros, balance.unposted_micros) == (990_000, 10_000)
        installation.beside(installation.parts.posters[0].run)
        posted = await gateway.posted("c1", 10)
        assert posted.charged_micros == accepted.charged_micros
        await installation.settled_down()


async def test_a_settle_for_a_call_nobody_holds_opens_charges_and_settles_it(
    installation: Installation, gateway: Gateway
) -> None:
    reply = await gateway.posted("lost", 42)
    assert (reply.rated_micros, reply.charged_micros) == (42_000, 42_000)
    assert reply.tariff_version == "clock@1"
    call = await gateway.call("lost")
    assert (call.caller, call.callee, call.model) == ("+7000", "+7111", "clock")
    balance = await installation.balance()
    assert (balance.balance_micros, balance.active_calls) == (958_000, 0)
    await installation.settled_down()


async def test_such_a_settle_takes_no_authorize_checks(installation: Installation) -> None:
    await installation.tenant(balance=5_000, suspended=True, concurrent_calls=0)
    reply = await Gateway(installation.admin).posted("lost", 8)
    assert (reply.charged_micros, reply.overrun_micros) == (5_000, 3_000)


async def test_such_a_settle_is_rated_with_the_version_it_names(
    installation: Installation, gateway: Gateway
) -> None:
    dearer = clock_tariff(rate="0.12")
    await installation.admin(billing.PutTariffRequest(request_id="clock-2", tariff=dearer))
    reply = await gateway.settle("old", 10, tariff_version="clock@1")
    assert (reply.rated_micros, reply.tariff_version) == (10_000, "clock@1")
    reply = await gateway.settle("new", 10)
    assert (reply.rated_micros, reply.tariff_version) == (20_000, "clock@2")


async def test_settling_with_an_unknown_tenant_is_not_found(installation: Installation) -> None:
    gateway = Gateway(installation.admin, "nobody")
    told = await gateway.told(gateway.settlement("c1", 10))
    assert told.code is grpc.StatusCode.NOT_FOUND


async def test_a_call_is_posted_exactly_once_however_many_settle_it(
    installation: Installation, gateway: Gateway
) -> None:
    await gateway.accepted()
    replies = await asyncio.gather(*(gateway.settle("c1", 10) for _ in range(50)))
    assert {reply.charged_micros for reply in replies} == {10_000}
    await gateway.posted("c1", 10)
    count = "SELECT count(*) FROM postings WHERE call_id = 'c1'"
    assert await installation.ledger(count) == 1
    assert (await installation.balance()).balance_micros == 990_000
    await installation.settled_down()


async def test_get_call_shows_a_settled_call_as_the_ledger_holds_it(gateway: Gateway) -> None:
    await gateway.accepted(assistant_id="anna")
    await gateway.posted("c1", 10, **TIMES, assistant_id="anna")
    call = await gateway.call()
    assert call.state == common_pb2.CALL_STATE_SETTLED
    assert (call.assistant_id, call.usage, call.elapsed_ms) == ("anna", usage(10), 10_000)
    assert call.answered_at == TIMES["answered_at"]
    assert call.settlement == common_pb2.SETTLEMENT_POSTED
