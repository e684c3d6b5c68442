"""What waits travels together, in order, and each caller gets its own."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from quota import shard_line
from quota.batch import Simple
from quota.decision import Code, Refused
from quota.errors import StoreUnavailable
from quota.operation import Debit, LookAccount
from quota.shard_line import MAX_BATCH
from tests.integration.quota.store_samples import START_BALANCE, bench_on, debit, load, until
from tests.proxy import Proxy

Proxied = Callable[[str], Coroutine[Any, Any, Proxy]]


async def test_what_is_submitted_in_one_tick_travels_in_one_batch(redis_url: str) -> None:
    async with bench_on(redis_url) as bench:
        await bench.ask(load())
        before = bench.line.batches
        results = await bench.ask(*(debit(number, 1) for number in range(100)))
        assert bench.line.batches == before + 1
        assert [r.number for r in results if isinstance(r, Simple)] == list(range(1, 101))


async def test_a_batch_holds_no_more_than_its_bound(redis_url: str) -> None:
    async with bench_on(redis_url) as bench:
        await bench.ask(load())
        before = bench.line.batches
        await bench.ask(*(LookAccount("anna") for _ in range(2 * MAX_BATCH + 1)))
        assert bench.line.batches == before + 3


async def test_few_operations_wait_for_the_batch_in_flight_and_share_the_next(
    redis_url: str, proxied: Proxied
) -> None:
    proxy = await proxied(redis_url)
    async with bench_on(proxy.url) as bench:
        await bench.ask(load())
        before = bench.line.batches
        proxy.hold()
        asked = []
        for number in range(5):
            asked.append(bench.store.submit(debit(number, 1)))
            await proxy.holding()
        assert proxy.connections == 1
        proxy.restore()
        results = await asyncio.gather(*asked)
        assert bench.line.batches == before + 2
        assert [r.number for r in results if isinstance(r, Simple)] == [1, 2, 3, 4, 5]


async def test_ten_thousand_submissions_are_answered_in_their_order(redis_url: str) -> None:
    async with bench_on(redis_url) as bench:
        await bench.ask(load())
        before = bench.line.batches
        results = await bench.ask(*(debit(number, 1) for number in range(10_000)))
        assert [r.number for r in results if isinstance(r, Simple)] == list(range(1, 10_001))
        assert (await bench.account()).balance == START_BALANCE - 10_000
        assert bench.line.batches == before + 10_000 // MAX_BATCH + 1 + 1


async def test_a_caller_that_gives_up_before_sending_asks_for_nothing(redis_url: str) -> None:
    async with bench_on(redis_url) as bench:
        await bench.ask(load())
        given_up = bench.store.submit(debit(1, 10))
        other = bench.store.submit(debit(2, 20))
        given_up.cancel()
        assert await other == Simple(Code.OK, 1, START_BALANCE - 20)
        assert (await bench.account()).balance == START_BALANCE - 20


async def test_a_caller_that_gives_up_in_flight_disturbs_no_other(
    redis_url: str, proxied: Proxied
) -> None:
    proxy = await proxied(redis_url)
    async with bench_on(proxy.url) as bench:
        await bench.ask(load())
        proxy.hold()
        asked = [bench.store.submit(debit(number, 10)) for number in (1, 2, 3)]
        await proxy.holding()
        asked[1].cancel()
        later = bench.store.submit(debit(4, 10))
        proxy.restore()
        assert await asked[0] == Simple(Code.OK, 1, START_BALANCE - 10)
        assert await asked[2] == Simple(Code.OK, 3, START_BALANCE - 30)
        assert await later == Simple(Code.OK, 4, START_BALANCE - 40)
        assert asked[1].cancelled()


async def test_a_task_that_is_cancelled_while_it_waits_leaves_the_line_alone(
    redis_url: str, proxied: Proxied
) -> None:
    proxy = await proxied(redis_url)
    async with bench_on(proxy.url) as bench:
        await bench.ask(load())

        async def ask(operation: Debit) -> object:
            return await bench.store.submit(operation)

        proxy.hold()
        tasks = [asyncio.create_task(ask(debit(number, 10))) for number in (1, 2)]
        await proxy.holding()
        tasks[0].cancel()
        proxy.restore()
        assert await tasks[1] == Simple(Code.OK, 2, START_BALANCE - 20)
        with pytest.raises(asyncio.CancelledError):
            await tasks[0]


async def test_each_caller_gets_its_own_answer_among_refusals(redis_url: str) -> None:
    async with bench_on(redis_url) as bench:
        await bench.ask(load(balance=15))
        first, second, third = await bench.ask(debit(1, 10), debit(2, 10), debit(3, 5))
        assert first == Simple(Code.OK, 1, 5)
        assert second == Refused(Code.INSUFFICIENT, ())
        assert third == Simple(Code.OK, 2, 0)


async def test_too_many_waiting_operations_are_turned_away(
    redis_url: str, proxied: Proxied, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shard_line, "MAX_WAITING", 3)
    proxy = await proxied(redis_url)
    async with bench_on(proxy.url) as bench:
        await bench.ask(load())
        proxy.hold()
        asked = [bench.store.submit(debit(1, 1))]
        await proxy.holding()
        asked += [bench.store.submit(debit(number, 1)) for number in (2, 3, 4)]
        with pytest.raises(StoreUnavailable, match="wait"):
            bench.store.submit(debit(5, 1))
        proxy.restore()
        assert len(await asyncio.gather(*asked)) == 4


async def test_who_gives_way_waits_for_what_is_in_flight_and_for_so_long_at_most(
    redis_url: str, proxied: Proxied
) -> None:
    proxy = await proxied(redis_url)
    async with bench_on(proxy.url) as bench:
        await bench.ask(load())
        await bench.line.idle(10.0)
        proxy.hold()
        asked = bench.store.submit(debit(1, 1))
        await proxy.holding()
        await bench.line.idle(0.01)
        assert not asked.done()
        waiting = asyncio.create_task(bench.line.idle(10.0))
        proxy.restore()
        await waiting
        assert asked.done()


async def test_closing_answers_whoever_waits(redis_url: str, proxied: Proxied) -> None:
    proxy = await proxied(redis_url)
    async with bench_on(proxy.url) as bench:
        await bench.ask(load())
        proxy.hold()
        in_flight = bench.store.submit(debit(1, 1))
        await proxy.holding()
        waiting = bench.store.submit(debit(2, 1))
        await bench.store.close()
        for asked in (in_flight, waiting):
            with pytest.raises(StoreUnavailable, match="stopping"):
                await asked


async def test_closing_while_the_store_is_away_answers_whoever_waits(
    redis_url: str, proxied: Proxied
) -> None:
    proxy = await proxied(redis_url)
    async with bench_on(proxy.url) as bench:
        await bench.ask(load())
        proxy.cut()
        asked = bench.store.submit(debit(1, 1))
        await until(lambda: proxy.connections == 0 and proxy.refused > 0)
        await bench.store.close()
        assert asked.done()
        with pytest.raises(StoreUnavailable, match="stopping"):
            await asked


async def test_closing_while_it_connects_leaves_no_connection_open(
    redis_url: str, proxied: Proxied
) -> None:
    proxy = await proxied(redis_url)
    async with bench_on(proxy.url) as bench:
        proxy.hold()
        asked = bench.store.submit(load())
        await proxy.holding()
        await bench.store.close()
        with pytest.raises(StoreUnavailable, match="stopping"):
            await asked
        proxy.restore()
        await until(lambda: proxy.connections == 0)


async def test_what_cannot_be_sent_fails_alone(redis_url: str) -> None:
    async with bench_on(redis_url) as bench:
        await bench.ask(load())
        good, bad, later = (
            bench.store.submit(operation)
            for operation in (debit(1, 10), debit(2, 2**70), debit(3, 10))
        )
        with pytest.raises(OverflowError):
            await bad
        assert await good == Simple(Code.OK, 1, START_BALANCE - 10)
        assert await later == Simple(Code.OK, 2, START_BALANCE - 20)


async def test_a_fault_in_one_batch_leaves_nobody_waiting(redis_url: str) -> None:
    async with bench_on(redis_url) as bench:
        bench.keeper.fault = RuntimeError("a bug")
        asked = [bench.store.submit(LookAccount("anna")) for _ in range(MAX_BATCH + 1)]
        done, waiting = await asyncio.wait(asked, timeout=2)
        assert not waiting
        assert {str(each.exception()) for each in done} == {"a bug"}
