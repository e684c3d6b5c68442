"""Whatever may mean that the store lost something reaches the keeper, and only then goes on."""

import asyncio
import time

import pytest

from quota.batch import Simple
from quota.decision import Code, Reason, Refused
from quota.errors import StoreUnavailable
from quota.keys import key
from quota.operation import LookAccount
from quota.shard_state import ShardState
from server.embedded import EmbeddedValkey
from tests.integration.quota.store_samples import (
    START_BALANCE,
    accepted,
    authorize,
    bench_on,
    client_on,
    debit,
    load,
    until,
)

PATIENCE_S = 0.3
EPOCH = key(0, "epoch")
NOT_LOADED = Refused(Code.NOT_LOADED, ())


async def damage(url: str, kind: str) -> None:
    """Something happens to the store while the line is open."""
    async with client_on(url) as client:
        if kind == "everything lost":
            await client.flushdb()
        elif kind == "epoch lost":
            await client.delete(EPOCH)
        elif kind == "another epoch":
            await client.hset(EPOCH, "epoch", "77")
        else:
            await client.hset(EPOCH, "torn", "1")


async def test_a_new_shard_is_begun_by_the_keeper(redis_url: str) -> None:
    async with bench_on(redis_url) as bench:
        assert bench.line.epoch == ""
        await bench.ask(load())
        assert bench.keeper.asked == [ShardState("", 0, 0, False)]
        assert bench.line.epoch == "1"


async def test_a_whole_shard_is_admitted_as_it_is(redis_url: str) -> None:
    async with bench_on(redis_url) as first:
        await first.ask(load(), debit(1, 10))
        async with bench_on(redis_url, keeper=first.keeper) as second:
            assert (await second.account()).balance == START_BALANCE - 10
        assert first.keeper.asked[-1] == ShardState("1", 1, 0, False)
        assert first.keeper.rebuilt == 1


@pytest.mark.parametrize(
    ("kind", "seen"),
    [
        ("everything lost", ShardState("", 0, 0, False)),
        ("epoch lost", ShardState("", 0, 0, False)),
        ("another epoch", ShardState("77", 1, 0, False)),
        ("torn", ShardState("1", 1, 0, True)),
    ],
)
async def test_damage_reaches_the_keeper_and_what_waits_is_decided_after_the_rebuild(
    redis_url: str, kind: str, seen: ShardState
) -> None:
    async with bench_on(redis_url) as bench:
        await bench.ask(load(), debit(1, 10))
        bench.keeper.may_answer.clear()
        await damage(redis_url, kind)
        early = bench.store.submit(debit(2, 10))
        await until(lambda: len(bench.keeper.asked) == 2)
        late = [bench.store.submit(o) for o in (load(), debit(3, 10))]
        assert bench.keeper.asked[1] == seen
        assert not early.done()
        bench.keeper.may_answer.set()
        assert await early == NOT_LOADED  # a missing balance is never read as zero
        assert await asyncio.gather(*late) == [
            Simple(Code.OK),
            Simple(Code.OK, 1, START_BALANCE - 10),
        ]
        assert bench.keeper.rebuilt == 2
        assert bench.line.epoch == "2"


async def test_a_shard_that_another_process_rebuilt_is_joined(redis_url: str) -> None:
    async with bench_on(redis_url) as first, bench_on(redis_url, keeper=first.keeper) as second:
        await first.ask(load())
        await second.ask(LookAccount("anna"))
        await damage(redis_url, "everything lost")
        assert await first.ask(LookAccount("anna")) == [NOT_LOADED]
        await first.ask(load())
        assert await second.ask(debit(1, 1)) == [Simple(Code.OK, 1, START_BALANCE - 1)]
        assert (first.keeper.rebuilt, first.line.epoch, second.line.epoch) == (2, "2", "2")


async def test_a_store_put_back_to_an_older_copy_is_rebuilt(own_valkey: EmbeddedValkey) -> None:
    async with bench_on(own_valkey.url) as bench:
        await bench.ask(load(), debit(1, 1), debit(2, 1))
        bench.keeper.posted[0] = 2
        await own_valkey.stop()
        await own_valkey.start()
        async with client_on(own_valkey.url) as client:
            await client.hset(EPOCH, "n", "1")
        assert await bench.ask(LookAccount("anna")) == [NOT_LOADED]
        assert bench.keeper.asked[-1] == ShardState("1", 1, 0, False)
        assert bench.keeper.rebuilt == 2


async def test_the_keeper_is_asked_once_for_a_run_of_the_server(
    own_valkey: EmbeddedValkey,
) -> None:
    async with bench_on(own_valkey.url) as bench, client_on(own_valkey.url) as client:
        await bench.ask(load())
        await client.client_kill_filter(_type="normal", skipme=True)
        await bench.account()
        assert len(bench.keeper.asked) == 1  # only the connection was lost
        await own_valkey.stop()
        await own_valkey.start()
        await bench.account()
        assert len(bench.keeper.asked) == 2
        assert bench.keeper.rebuilt == 1


@pytest.mark.parametrize("kind", ["everything lost", "torn"])
async def test_without_the_keeper_nothing_is_decided(redis_url: str, kind: str) -> None:
    async with bench_on(redis_url, patience_s=PATIENCE_S) as bench:
        await bench.ask(load())
        bench.keeper.away = True
        await damage(redis_url, kind)
        for _ in range(2):
            with pytest.raises(StoreUnavailable, match="ledger"):
                await bench.store.submit(load())
        async with client_on(redis_url) as client:
            assert await client.hlen(key(0, "accounts")) == (1 if kind == "torn" else 0)
        bench.keeper.away = False
        assert await bench.ask(load()) == [Simple(Code.OK)]


async def test_a_keeper_that_never_answers_is_told_within_patience(redis_url: str) -> None:
    async with bench_on(redis_url, patience_s=PATIENCE_S) as bench:
        bench.keeper.may_answer.clear()
        async with asyncio.timeout(5 * PATIENCE_S):
            with pytest.raises(StoreUnavailable):
                await bench.store.submit(load())
        bench.keeper.may_answer.set()
        assert await bench.ask(load()) == [Simple(Code.OK)]


async def test_an_outbox_number_that_went_back_alone_tears_the_batch_and_is_rebuilt(
    redis_url: str,
) -> None:
    async with bench_on(redis_url) as bench, client_on(redis_url) as client:
        await bench.ask(load(), debit(1, 1), debit(2, 1))
        await client.hset(EPOCH, "n", "1")  # the stream has 2 already and will not take it again
        results = await bench.ask(debit(3, 1), load(), debit(4, 1))
        assert results == [NOT_LOADED, Simple(Code.OK), Simple(Code.OK, 1, START_BALANCE - 1)]
        assert bench.keeper.asked[-1].torn
        assert bench.keeper.rebuilt == 2


@pytest.mark.parametrize("days", [5, -5])
async def test_a_process_whose_clock_was_wrong_works_once_it_is_right(
    redis_url: str, monkeypatch: pytest.MonkeyPatch, days: int
) -> None:
    async with bench_on(redis_url) as bench:
        with monkeypatch.context() as wrong:
            wrong_s = time.time() + days * 86_400
            wrong.setattr("quota.shard_line.time.time", lambda: wrong_s)
            await bench.ask(load())
            assert await bench.ask(authorize("early")) == [Refused(Code.CLOCK, ())]
        [result] = await bench.ask(authorize("call"))
        assert accepted(result).reason == Reason.NONE
