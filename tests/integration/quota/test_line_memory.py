"""A store that is full, set up wrongly, a replica, or without the function library."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from quota import script
from quota.batch import Simple
from quota.decision import CallResult, Code, Refused
from quota.errors import StoreUnavailable, StoreUnfit
from quota.operation import LookAccount
from server.embedded import EmbeddedValkey
from tests.integration.quota.store_samples import (
    START_BALANCE,
    authorize,
    bench_on,
    charge,
    client_on,
    debit,
    load,
    settle,
)

PATIENCE_S = 0.3


@asynccontextmanager
async def full(client: Any) -> AsyncIterator[None]:
    """The server has less memory than it uses."""
    await client.config_set("maxmemory", "1mb")
    try:
        yield
    finally:
        await client.config_set("maxmemory", "0")


async def test_a_full_store_turns_away_authorizes_and_applies_the_rest_in_order(
    own_valkey: EmbeddedValkey,
) -> None:
    async with bench_on(own_valkey.url) as bench, client_on(own_valkey.url) as client:
        await bench.ask(load(balance=2_000), authorize("running"))
        async with full(client):
            answers = await bench.ask(
                debit(1, 1_400),
                authorize("refused"),
                debit(2, 1),
                charge("running", 100, 10_000),
                authorize("refused too"),
                settle("running", 200, 20_000),
                debit(2, 1),
                LookAccount("anna"),
            )
            assert answers[0] == Simple(Code.OK, 1, 600)
            assert answers[1] == answers[4] == Refused(Code.OUT_OF_MEMORY, ())
            assert answers[2] == Refused(Code.INSUFFICIENT, ())
            assert [answer.code for answer in answers[3:] if answer != answers[1]] == [0, 0, 0, 0]
            account = await bench.account()
            assert (account.balance, account.active_calls) == (2_000 - 1_400 - 200 - 1, 0)
            assert await bench.ask(authorize("alone")) == [Refused(Code.OUT_OF_MEMORY, ())]
        [again] = await bench.ask(authorize("refused"))
        assert isinstance(again, CallResult)
        assert again.known == 0
        assert len(bench.keeper.asked) == 1  # a full store is no reason to doubt the shard


async def test_repeats_of_what_is_known_are_turned_away_too_while_the_store_is_full(
    own_valkey: EmbeddedValkey,
) -> None:
    async with bench_on(own_valkey.url) as bench, client_on(own_valkey.url) as client:
        await bench.ask(load(), authorize("call"))
        async with full(client):
            assert await bench.ask(authorize("call")) == [Refused(Code.OUT_OF_MEMORY, ())]
        [repeat] = await bench.ask(authorize("call"))
        assert isinstance(repeat, CallResult)
        assert repeat.known == 1


@pytest.mark.parametrize("policy", ["allkeys-lru", "volatile-ttl"])
async def test_a_store_that_may_drop_keys_is_refused_with_the_remedy(
    own_valkey: EmbeddedValkey, policy: str
) -> None:
    async with client_on(own_valkey.url) as client:
        await client.config_set("maxmemory-policy", policy)
        async with bench_on(own_valkey.url, patience_s=PATIENCE_S) as bench:
            with pytest.raises(StoreUnfit, match="CONFIG SET maxmemory-policy noeviction"):
                await bench.store.submit(load())
            assert not bench.keeper.asked
            await client.config_set("maxmemory-policy", "noeviction")
            assert await bench.ask(load()) == [Simple(Code.OK)]


async def test_a_replica_is_refused(own_valkey: EmbeddedValkey) -> None:
    patient = bench_on(own_valkey.url, patience_s=PATIENCE_S)
    async with client_on(own_valkey.url) as client, patient as bench:
        await client.replicaof("127.0.0.1", 1)
        with pytest.raises(StoreUnavailable, match="slave"):
            await bench.store.submit(load())
        assert not bench.keeper.asked
        await client.replicaof("NO", "ONE")
        assert await bench.ask(load()) == [Simple(Code.OK)]


async def test_a_master_that_becomes_a_replica_is_not_asked_any_more(
    own_valkey: EmbeddedValkey,
) -> None:
    patient = bench_on(own_valkey.url, patience_s=PATIENCE_S)
    async with client_on(own_valkey.url) as client, patient as bench:
        await bench.ask(load())
        await client.replicaof("127.0.0.1", 1)
        with pytest.raises(StoreUnavailable):
            await bench.store.submit(debit(1, 1))
        await client.replicaof("NO", "ONE")
        assert await bench.ask(debit(2, 1)) == [Simple(Code.OK, 1, START_BALANCE - 1)]


async def test_a_lost_function_library_is_loaded_again_in_flight(
    own_valkey: EmbeddedValkey,
) -> None:
    async with bench_on(own_valkey.url) as bench, client_on(own_valkey.url) as client:
        await bench.ask(load())
        await client.function_flush()
        asked = [bench.store.submit(debit(number, 1)) for number in (1, 2)]
        await asyncio.sleep(0)
        await client.function_flush()
        results = await asyncio.gather(*asked, bench.store.submit(debit(3, 1)))
        assert [result.code for result in results] == [Code.OK] * 3
        assert (await bench.account()).balance == START_BALANCE - 3
        assert len(bench.keeper.asked) == 1


async def test_processes_that_load_the_library_at_once_all_go_on(
    own_valkey: EmbeddedValkey,
) -> None:
    async with client_on(own_valkey.url) as client, bench_on(own_valkey.url) as first:
        await first.ask(load())
        async with (
            bench_on(own_valkey.url, keeper=first.keeper) as second,
            bench_on(own_valkey.url, keeper=first.keeper) as third,
        ):
            benches = (first, second, third)
            await asyncio.gather(*(bench.account() for bench in benches))
            for _ in range(10):
                await client.function_flush()
                results = await asyncio.gather(*(bench.account() for bench in benches))
                assert {result.code for result in results} == {Code.OK}


async def test_the_library_is_kept_over_a_restart(own_valkey: EmbeddedValkey) -> None:
    async with bench_on(own_valkey.url) as bench:
        await bench.ask(load())
    await own_valkey.stop()
    await own_valkey.start()
    async with client_on(own_valkey.url) as client:
        names = {row[1].decode() for row in await client.function_list()}
    assert any(script.library().strict.startswith(name) for name in names)
