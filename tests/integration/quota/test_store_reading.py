"""What is read beside the batches: posted numbers, outbox, leases, calls, tenants; and the wipe."""

import asyncio
import time

import pytest

from quota.decision import Event
from quota.errors import StoreUnavailable
from quota.keys import key, shard_of
from quota.operation import Confirm, Sweep, debit_key
from quota.outbox import CrossingEntry, DebitedEntry, SettledEntry
from quota.shard_state import ShardState
from quota.store import POSTED_WAIT_S
from tests.integration.quota.store_samples import (
    START_BALANCE,
    authorize,
    bench_on,
    charge,
    client_on,
    debit,
    load,
    reader_on,
    settle,
    today,
)
from tests.integration.quota.test_line_coalescing import Proxied


async def all_pages(step: object, *arguments: object) -> list[str]:
    """Everything that a scan finds, page after page."""
    found: list[str] = []
    cursor = 0
    while True:
        cursor, names = await step(*arguments, cursor, 10)  # type: ignore[operator]
        found += names
        if cursor == 0:
            return found


async def test_waiting_for_a_posting_ends_when_another_line_confirms_it(redis_url: str) -> None:
    async with bench_on(redis_url) as bench, bench_on(redis_url, keeper=bench.keeper) as poster:
        await bench.ask(load(), debit(1, 10))
        posting = bench.store.posting("anna", 1)
        waiting = asyncio.ensure_future(bench.store.wait_posted("anna", posting))
        await poster.ask(Confirm("anna", debit_key("1"), 1, 10, 0))
        assert await waiting
        assert bench.store.posting("anna", 1).posted
        assert await bench.store.wait_posted("anna", bench.store.posting("anna", 1))
        assert not bench.store.posting("anna", 2).posted


async def test_waiting_for_a_posting_gives_up_in_time(redis_url: str) -> None:
    async with bench_on(redis_url) as bench:
        await bench.ask(load(), debit(1, 10))
        started = time.monotonic()
        assert not await bench.store.wait_posted("anna", bench.store.posting("anna", 1))
        assert POSTED_WAIT_S <= time.monotonic() - started < POSTED_WAIT_S + 0.3


async def test_waiting_for_a_posting_outlives_a_store_that_is_away(
    redis_url: str, proxied: Proxied
) -> None:
    proxy = await proxied(redis_url)
    async with bench_on(proxy.url) as bench:
        await bench.ask(load(), debit(1, 10))
        proxy.cut()
        assert not await bench.store.wait_posted("anna", bench.store.posting("anna", 1))
        proxy.restore()
        assert (await bench.account()).balance == START_BALANCE - 10


async def test_a_number_of_an_earlier_epoch_is_not_taken_for_posted(redis_url: str) -> None:
    async with bench_on(redis_url) as bench, client_on(redis_url) as client:
        await bench.ask(load(), debit(1, 10))
        line = bench.line
        waiting = asyncio.ensure_future(line.posted.wait(1, 5))
        await client.flushdb()
        await bench.ask(load())
        await bench.ask(load(), debit(2, 10), Confirm("anna", debit_key("2"), 1, 10, 0))
        assert line.posted_n == 1
        assert not await waiting


async def test_a_look_learns_the_numbers_without_an_operation(redis_url: str) -> None:
    async with bench_on(redis_url) as bench, bench_on(redis_url, keeper=bench.keeper) as other:
        await bench.ask(load(), debit(1, 10))
        assert other.line.last_n == 0
        other.line.look()
        await other.account()
        assert other.line.last_n == 1
        assert abs(other.line.now_ms - time.time() * 1000) < 5_000


async def test_the_outbox_is_read_in_order_and_in_pages(redis_url: str) -> None:
    async with bench_on(redis_url) as bench, reader_on(redis_url) as reader:
        await bench.ask(load(low_balance_threshold=START_BALANCE), authorize("call"), debit(1, 10))
        await bench.ask(charge("call", 50, 5_000), settle("call", 70, 7_000))
        entries = await reader.outbox_after(0, 10, None)
        assert [entry.n for entry in entries] == [1, 2, 3]
        debited, low, settled = entries
        assert debited == DebitedEntry(1, "anna", "!1", debited.at_ms, 10, b"d", b"")  # type: ignore[union-attr]
        assert isinstance(low, CrossingEntry)
        assert (low.event, low.value, low.line) == (
            Event.LOW_BALANCE,
            START_BALANCE - 10,
            START_BALANCE,
        )
        assert isinstance(settled, SettledEntry)
        assert settled.spend_by_day == ((today().day, 70),)
        assert (settled.call_id, settled.rated, settled.charged, settled.overrun) == (
            "call", 70, 70, 0,
        )  # fmt: skip
        assert (settled.pin, settled.model, settled.parties) == ("pin", "omni", b"p")
        assert (settled.digest, settled.times, settled.outcome) == (b"digest", b"times", 1)
        assert await reader.outbox_after(1, 1, None) == [low]
        assert await reader.outbox_after(3, 10, None) == []
        await bench.ask(Confirm("anna", "!1", 1, 10, 0))
        assert await reader.outbox_after(0, 10, None) == [low, settled]


async def test_a_reader_waits_for_the_next_entry(redis_url: str) -> None:
    async with bench_on(redis_url) as bench, reader_on(redis_url) as reader:
        await bench.ask(load())
        reading = asyncio.ensure_future(reader.outbox_after(0, 10, 1_000))
        await bench.ask(debit(1, 10))
        assert [entry.n for entry in await reading] == [1]
        assert await reader.outbox_after(1, 10, 10) == []


async def test_due_leases_come_oldest_first_up_to_the_bound(redis_url: str) -> None:
    async with bench_on(redis_url) as bench, reader_on(redis_url) as reader:
        await bench.ask(load(), load("bert"))
        for call_id in ("one", "two", "three"):
            await bench.ask(authorize(call_id, "bert"))
            now_ms = await reader.now_ms()
            while await reader.now_ms() == now_ms:
                pass
        await bench.ask(debit(1, 10))
        due_ms = await reader.now_ms() + 75_000
        assert await reader.due_leases(due_ms, 2) == [("bert", "one"), ("bert", "two")]
        assert await reader.due_leases(due_ms, 9) == [("bert", n) for n in ("one", "two", "three")]
        assert await reader.due_leases(due_ms - 75_000, 9) == []
        assert ("anna", debit_key("1")) in await reader.due_leases(due_ms + 600_000, 9)
        await bench.ask(Sweep("bert", "none"))


async def test_calls_of_a_tenant_are_found_and_no_others(redis_url: str) -> None:
    tenants = ["a", "ab", "a.b", "a-b", "a+", "A", "b"]
    async with bench_on(redis_url) as bench, reader_on(redis_url) as reader:
        await bench.ask(*(load(tenant) for tenant in tenants))
        await bench.ask(*(authorize(f"{t}-{n}", t) for t in tenants for n in range(100)))
        await bench.ask(*(debit(1, 10, tenant) for tenant in tenants))
        for tenant in tenants:
            found = await all_pages(reader.scan_calls, tenant)
            assert sorted(set(found)) == sorted(f"{tenant}-{n}" for n in range(100))
        assert await all_pages(reader.scan_calls, "nobody") == []
        assert sorted(await all_pages(reader.scan_tenants)) == sorted(tenants)


async def test_a_wipe_removes_every_key_of_the_shard_and_nothing_of_another(
    redis_url: str,
) -> None:
    other = next(name for name in map(str, range(99)) if shard_of(name, 2) == 1)
    mine = next(name for name in map(str, range(99)) if shard_of(name, 2) == 0)
    async with (
        bench_on(redis_url, shards=2) as bench,
        reader_on(redis_url, 0) as reader,
        client_on(redis_url) as client,
    ):
        for tenant in (mine, other):
            await bench.ask(load(tenant), authorize("call", tenant), debit(1, 10, tenant))
            await bench.ask(settle("call", 70, 7_000, tenant))
        await client.set("another application's {s0}", "kept")
        kept = {n: await client.dump(n) for n in await client.keys("*") if b":{s0}:" not in n}
        await reader.wipe("9")
        assert await reader.state() == ShardState("9", 0, 0, False)
        assert [n for n in await client.keys("*") if b":{s0}:" in n] == [key(0, "epoch").encode()]
        assert {n: await client.dump(n) for n in kept} == kept
        assert len(kept) == 1 + 5


async def test_a_reader_of_a_store_that_is_away_says_so_and_works_again(
    redis_url: str, proxied: Proxied
) -> None:
    proxy = await proxied(redis_url)
    async with reader_on(proxy.url) as reader:
        assert await reader.state() == ShardState("", 0, 0, False)
        proxy.cut()
        with pytest.raises(StoreUnavailable):
            await reader.state()
        with pytest.raises(StoreUnavailable):
            await reader.outbox_after(0, 1, None)
        proxy.restore()
        assert await reader.scan_tenants(0, 10) == (0, [])
