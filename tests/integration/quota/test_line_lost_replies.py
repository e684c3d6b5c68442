"""Replies that are lost, late or never come: asked again as if once, and told in time."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest

from quota.batch import Simple
from quota.decision import AccountView, CallResult, CallView, Code, Refused
from quota.errors import StoreUnavailable
from quota.operation import (
    Confirm,
    End,
    LookAccount,
    LookCall,
    Operation,
    Repair,
    Sweep,
    debit_key,
)
from server.embedded import EmbeddedValkey
from tests.integration.quota.store_samples import (
    START_BALANCE,
    Bench,
    authorize,
    bench_on,
    charge,
    client_on,
    credit,
    debit,
    load,
    settle,
    until,
)
from tests.proxy import Proxy

Proxied = Callable[[str], Coroutine[Any, Any, Proxy]]

PATIENCE_S = 0.4
SLACK_S = 0.3  # of a busy machine
BEFORE: list[Operation] = [
    load(),
    authorize("running"),
    authorize("silent"),
    charge("running", 50, 5_000),
    debit(1, 100),
]
ASKED: dict[str, Operation] = {
    "load": load("bert", 7),
    "apply": credit(500, version=2),
    "authorize": authorize("new"),
    "authorize with usage": authorize(
        "reopened", has_usage=1, total=40, weight=4, usage=b"u", elapsed_ms=4_000
    ),
    "charge": charge("running", 700, 65_000),
    "settle": settle("running", 700, 65_000),
    "end": End("anna", "running"),
    "sweep": Sweep("anna", "silent"),
    "debit": debit(2, 300),
    "confirm": Confirm("anna", debit_key("1"), 1, 100, 0),
    "confirm returned": Confirm("anna", debit_key("1"), 1, 100, 1),
    "repair of nothing": Repair("anna", 1, 0, START_BALANCE, 0),
}


@asynccontextmanager
async def proxied_bench(
    url: str, proxied: Proxied, patience_s: float = 5.0
) -> AsyncIterator[tuple[Bench, Proxy]]:
    """A store behind a proxy, its line open."""
    proxy = await proxied(url)
    async with bench_on(proxy.url, patience_s=patience_s) as bench:
        await bench.ask(load())
        yield bench, proxy


async def outcome(url: str, operation: Operation, proxy: Proxy | None = None) -> object:
    """What an operation answers and leaves behind, on an empty server; `proxy` loses a reply."""
    async with client_on(url) as client:
        await client.flushdb()
    async with bench_on(proxy.url if proxy else url) as bench:
        for earlier in BEFORE:
            await bench.ask(earlier)
        if proxy is not None:
            proxy.lose_replies()
        [result] = await bench.ask(operation)
        calls: list[object] = []
        for call_id in ("running", "silent", "new", "reopened"):
            [view] = await bench.ask(LookCall("anna", call_id))
            if isinstance(view, CallView):
                view = view._replace(authorized_at_ms=0, lease_until_ms=0)
            calls.append(view)
        if isinstance(result, CallResult):
            result = result._replace(known=0)
        return result, await bench.account(), calls, bench.line.last_n, bench.line.posted_n


@pytest.mark.parametrize("name", ASKED)
async def test_an_operation_whose_reply_is_lost_is_as_if_sent_once(
    redis_url: str, proxied: Proxied, name: str
) -> None:
    proxy = await proxied(redis_url)
    once = await outcome(redis_url, ASKED[name])
    again = await outcome(redis_url, ASKED[name], proxy)
    assert proxy.lost_replies == 1
    assert again == once


async def test_a_repair_whose_reply_is_lost_is_outdated_and_was_made_once(
    redis_url: str, proxied: Proxied
) -> None:
    async with proxied_bench(redis_url, proxied) as (bench, proxy):
        proxy.lose_replies()
        [result] = await bench.ask(Repair("anna", 1, 0, START_BALANCE, 5))
        assert result == Refused(Code.OUTDATED, ())
        assert (await bench.account()).balance == START_BALANCE + 5


async def test_a_whole_batch_whose_reply_is_lost_twice_is_as_if_sent_once(
    redis_url: str, proxied: Proxied
) -> None:
    async with proxied_bench(redis_url, proxied) as (bench, proxy):
        proxy.lose_replies(1)
        first = bench.ask(authorize("call"), charge("call", 100, 10_000), debit(1, 10))
        results = await first
        assert [result.code for result in results] == [Code.OK] * 3
        proxy.lose_replies(1)
        await bench.ask(settle("call", 150, 15_000), debit(1, 10), debit(2, 20))
        account = await bench.account()
        assert (account.balance, account.reserved) == (START_BALANCE - 180, 0)
        assert (account.unposted, account.active_calls) == (180, 0)
        assert proxy.lost_replies == 2


async def test_a_late_reply_is_never_read_and_its_connection_is_closed(
    redis_url: str, proxied: Proxied
) -> None:
    async with proxied_bench(redis_url, proxied, PATIENCE_S) as (bench, proxy):
        proxy.hold()
        late = bench.store.submit(LookAccount("anna"))
        with pytest.raises(StoreUnavailable):
            await late
        proxy.restore()
        # The late reply, an account, is on its way; the debit must not be answered with it.
        assert await bench.ask(debit(1, 1)) == [Simple(Code.OK, 1, START_BALANCE - 1)]
        assert proxy.connections == 1


async def test_a_cut_in_the_middle_of_a_reply_mixes_no_answers(
    redis_url: str, proxied: Proxied
) -> None:
    async with proxied_bench(redis_url, proxied) as (bench, proxy):
        for number in range(1, 30):
            if number % 3 == 0:
                proxy.lose_replies()
            results = await bench.ask(LookAccount("anna"), debit(number, 1))
            assert isinstance(results[0], AccountView)
            assert results[1] == Simple(Code.OK, number, START_BALANCE - number)
        assert proxy.lost_replies == 9


@pytest.mark.parametrize("fault", ["cut", "hold"])
async def test_a_store_that_stays_away_is_told_within_patience(
    redis_url: str, proxied: Proxied, fault: str
) -> None:
    async with proxied_bench(redis_url, proxied, PATIENCE_S) as (bench, proxy):
        getattr(proxy, fault)()
        for number in (1, 2, 3):  # while it waits for a reply, to connect, and between tries
            started = time.monotonic()
            with pytest.raises(StoreUnavailable):
                await bench.store.submit(debit(number, 1))
            assert time.monotonic() - started < PATIENCE_S + SLACK_S
        proxy.restore()
        assert (await bench.ask(debit(9, 1)))[0].code == Code.OK


async def test_operations_that_arrive_one_by_one_are_each_told_within_patience(
    redis_url: str, proxied: Proxied
) -> None:
    async with proxied_bench(redis_url, proxied, PATIENCE_S) as (bench, proxy):
        waits: list[float] = []

        async def ask(number: int) -> None:
            started = time.monotonic()
            with pytest.raises(StoreUnavailable):
                await bench.store.submit(debit(number, 1))
            waits.append(time.monotonic() - started)

        proxy.cut()
        async with asyncio.TaskGroup() as group:
            for number in range(15):
                group.create_task(ask(number))
                await asyncio.sleep(0.1)
        assert max(waits) < PATIENCE_S + SLACK_S


async def test_a_short_absence_is_ridden_out(redis_url: str, proxied: Proxied) -> None:
    async with proxied_bench(redis_url, proxied) as (bench, proxy):
        proxy.cut()
        asked = bench.store.submit(debit(1, 1))
        await until(lambda: proxy.refused > 1)
        assert not asked.done()
        proxy.restore()
        assert (await asked).code == Code.OK


async def test_a_killed_server_that_returns_is_used_again(own_valkey: EmbeddedValkey) -> None:
    async with bench_on(own_valkey.url, patience_s=PATIENCE_S) as bench:
        await bench.ask(load())
        await own_valkey.stop()
        with pytest.raises(StoreUnavailable):
            await bench.store.submit(debit(1, 1))
        await own_valkey.start()
        assert await bench.ask(debit(2, 1)) == [Simple(Code.OK, 1, START_BALANCE - 1)]
        assert bench.keeper.rebuilt == 1
        assert len(bench.keeper.asked) == 2  # another run may have lost something
