"""Calls of the client library on the real service, through cuts and restarts."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from tests.integration.api.installation import ADMIN_KEY, Installation
from tests.integration.client.scripted import until
from tests.keepalive import sooner
from tests.proxy import Proxy
from tollgate.v1 import billing_pb2 as billing
from tollgate.v1 import call_authorization_pb2 as pb
from tollgate.v1 import common_pb2
from tollgate_client import (
    Call,
    Directive,
    Ending,
    Outcome,
    PermissionDenied,
    Reason,
    Refused,
    Tollgate,
)
from tollgate_client.session import place

DOLLAR = 1_000_000  # what the tenant begins with, in micros
Proxied = Callable[[str], Coroutine[Any, Any, Proxy]]


def _client(address: str, key: str = ADMIN_KEY, report_interval: float = 0.05) -> Tollgate:
    return Tollgate(address, key=key, report_interval=report_interval)


def _call(tollgate: Tollgate, call_id: str = "c", **options: Any) -> Call:
    return tollgate.call("acme", call_id, "clock", **options)


async def _reported(call: Call, micros: int) -> None:
    """Waits until so much is charged: on the tests' tariff a millisecond costs a micro."""
    await until(lambda: call.charged_micros == micros)


async def _in_the_books(installation: Installation, **charged: int) -> None:
    """Asserts that the ledger has exactly these calls, each once, as the live store has."""
    await installation.settled_down()
    listed = await installation.admin(billing.ListCallsRequest(tenant_id="acme", page_size=1000))
    assert {call.call_id: call.charged_micros for call in listed.calls} == charged
    assert len(listed.calls) == len(charged)
    balance = await installation.balance()
    assert balance.balance_micros == DOLLAR - sum(charged.values())
    assert balance.reserved_micros == 0


async def test_a_whole_call(installation: Installation) -> None:
    async with _client(installation.address) as tollgate:
        async with _call(tollgate, caller="+15550100", analytics=True) as call:
            call.answered()
            call.add(telephony_ms=4_000)
            await _reported(call, 6_000)  # 2,000 of it for the analytics report
            call.total(telephony_ms=5_000)
        bill = await call.posted()
    assert (bill.charged_micros, bill.outcome) == (7_000, Outcome.COMPLETED)
    assert bill.cost["analytics"] == 2_000
    assert bill.tariff_version == call.tariff_version == "strict@1"
    await _in_the_books(installation, c=7_000)


async def test_a_refusal_says_why(installation: Installation) -> None:
    await installation.tenant("poor")
    async with _client(installation.address) as tollgate:
        with pytest.raises(Refused) as told:
            async with tollgate.call("poor", "c", "clock"):
                pytest.fail("it started")
    assert told.value.reason is Reason.INSUFFICIENT_BALANCE
    assert (told.value.sip_status, told.value.q850_cause) == (402, 21)
    assert told.value.available_micros == 0


async def test_a_refusal_for_the_caller_s_sake_has_the_caller_s_figures(
    installation: Installation,
) -> None:
    await installation.update("acme", caller_daily_limit_micros=60_000)
    async with _client(installation.address) as tollgate:
        async with _call(tollgate, caller="+15550100") as first:
            first.answered()
            assert first.grant is not None
            held = first.grant.reserved_micros
            with pytest.raises(Refused) as told:
                await _call(tollgate, "second", caller="+15550100").__aenter__()
        await first.posted()
    refused = told.value
    assert refused.reason is Reason.CALLER_LIMIT
    assert (refused.caller_daily_limit_micros, refused.caller_reserved_micros) == (60_000, held)
    assert (refused.caller_spent_today_micros, refused.calls_per_minute) == (0, None)


async def test_a_key_of_another_tenant_is_not_permitted(installation: Installation) -> None:
    key = (await installation.key("tenant:other")).api_key
    async with _client(installation.address, key=key) as tollgate:
        with pytest.raises(PermissionDenied):
            async with _call(tollgate):
                pytest.fail("it started")


async def test_a_top_up_extends_a_call_that_was_about_to_end(installation: Installation) -> None:
    await installation.tenant("thin", balance=15_000, tariff="strict")
    told: list[int | str] = []
    callbacks: dict[str, Any] = {
        "on_finish": told.append,
        "on_continue": lambda: told.append("go on"),
    }
    async with _client(installation.address, report_interval=30) as tollgate:
        async with tollgate.call("thin", "c", "clock", **callbacks) as call:
            call.answered()
            assert call.grant is not None
            assert call.grant.reserved_micros == 15_000
            call.add(telephony_ms=5_000)
            await installation.adjust("thin", 500_000)
            await until(lambda: call.grant and call.grant.reserved_micros > 50_000)
            assert call.directive is Directive.CONTINUE
        await call.posted()
    assert told == [15, "go on"]


async def test_an_operator_hangs_up(installation: Installation) -> None:
    told: list[str] = []
    async with _client(installation.address, report_interval=30) as tollgate:
        async with _call(tollgate, on_hang_up=lambda: told.append("hang up")) as call:
            call.answered()
            await installation.admin(pb.EndCallRequest(tenant_id="acme", call_id="c"))
            assert await call.ended() is Ending.HANG_UP
        assert (await call.posted()).outcome is Outcome.CUT
    assert told == ["hang up"]


async def test_a_gateway_that_lost_its_memory_goes_on_from_the_last_report(
    installation: Installation,
) -> None:
    request = pb.AuthorizeRequest(tenant_id="acme", call_id="c", model="clock")
    await installation.admin(request)
    usage = common_pb2.Usage(quantities={"telephony_ms": 9_000})
    charge = pb.ChargeRequest(tenant_id="acme", call_id="c", usage=usage, elapsed_ms=9_000)
    await installation.admin(charge)
    async with _client(installation.address) as tollgate:
        async with _call(tollgate) as call:
            call.answered()
            call.add(telephony_ms=500)
            assert call.usage == {"telephony_ms": 9_500}
        await call.posted()
    await _in_the_books(installation, c=9_500)


async def test_a_call_that_the_live_store_lost_is_opened_again(installation: Installation) -> None:
    async with _client(installation.address) as tollgate:
        async with _call(tollgate) as call:
            call.answered()
            call.add(telephony_ms=2_000)
            await _reported(call, 2_000)
            await installation.lose_everything()
            call.add(telephony_ms=1_000)
            await _reported(call, 3_000)
        await call.posted()
    await _in_the_books(installation, c=3_000)


@pytest.mark.parametrize("step", range(4))
@pytest.mark.parametrize("how", ["question", "answer"])
async def test_a_cut_at_any_step_loses_and_doubles_nothing(
    installation: Installation, proxied: Proxied, step: int, how: str
) -> None:
    """Cut before the question arrives, or after it was decided and before the answer does."""
    proxy = await proxied(f"grpc://{installation.address}")

    async def cut_at(now: int) -> None:
        if now != step:
            return
        if how == "answer":
            proxy.lose_replies()
        else:
            proxy.cut()
            await asyncio.sleep(0)
            proxy.restore()

    async with _client(proxy.url.removeprefix("grpc://")) as tollgate:
        async with _call(tollgate, "before"):
            pass  # so that there is a connection to cut
        await cut_at(0)
        async with _call(tollgate) as call:
            call.answered()
            for part in (1, 2):
                await cut_at(part)
                call.add(telephony_ms=1_000)
                await _reported(call, 1_000 * part)
            call.add(telephony_ms=1_000)
            await cut_at(3)
        await call.posted()
    await _in_the_books(installation, before=0, c=3_000)


async def test_a_service_that_falls_silent_is_left_and_found_again_over_another_connection(
    installation: Installation, proxied: Proxied, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(place, "OPTIONS", sooner(place.OPTIONS))
    proxy = await proxied(f"grpc://{installation.address}")
    async with _client(proxy.url.removeprefix("grpc://"), report_interval=30) as tollgate:
        async with _call(tollgate) as call:
            call.answered()
            call.add(telephony_ms=2_000)
            # Nothing is on its way, and no connection ends: pings alone can tell.
            proxy.hold()
            await until(lambda: proxy.connections == 2)
            proxy.restore()
            await _reported(call, 2_000)
        await call.posted()
    await _in_the_books(installation, c=2_000)


async def test_many_calls_survive_many_cuts(installation: Installation, proxied: Proxied) -> None:
    proxy = await proxied(f"grpc://{installation.address}")
    calls = {f"c{number}": 1_000 + number for number in range(16)}

    async def carry(tollgate: Tollgate, call_id: str, length: int) -> None:
        async with _call(tollgate, call_id) as call:
            call.answered()
            for _ in range(10):
                call.add(telephony_ms=length // 10)
                await asyncio.sleep(0.03)
            call.add(telephony_ms=length % 10)
        await call.posted()

    async def cut_often() -> None:
        while True:
            await asyncio.sleep(0.1)
            proxy.cut()
            proxy.restore()

    async with (
        _client(proxy.url.removeprefix("grpc://")) as tollgate,
        asyncio.timeout(30),
        asyncio.TaskGroup() as group,
    ):
        cutting = group.create_task(cut_often())
        for call_id, length in calls.items():
            group.create_task(carry(tollgate, call_id, length))
        await asyncio.sleep(0.5)
        cutting.cancel()
    await _in_the_books(installation, **calls)


async def test_without_the_service_a_call_ends_with_its_grant_and_is_settled_later(
    installation: Installation, proxied: Proxied
) -> None:
    await installation.tenant(
        "thin", balance=30_000, tariff="strict", call_cost_limit_micros=11_000
    )
    proxy = await proxied(f"grpc://{installation.address}")
    async with _client(proxy.url.removeprefix("grpc://")) as tollgate:
        async with tollgate.call("thin", "c", "clock") as call:
            call.answered()
            call.add(telephony_ms=10_000)
            await _reported(call, 10_000)  # a second is left
            proxy.cut()
            assert await call.ended() in (Ending.LAST_GRANT_OVER, Ending.SERVICE_AWAY)
        proxy.restore()
        assert (await call.posted()).charged_micros == 10_000
    await installation.settled_down()
