"""What a shard tells of by publish/subscribe when something outside calls changes their fate."""

import asyncio
from collections.abc import Sequence

import pytest

from quota.changes import FateChange, listening
from quota.decision import Change
from quota.errors import StoreUnavailable
from quota.keys import shard_of
from quota.operation import NONE, Apply, End, Operation, Repair
from quota.topology import topology_of
from server.embedded import EmbeddedValkey
from tests.integration.quota.store_samples import (
    START_BALANCE,
    authorize,
    bench_on,
    charge,
    debit,
    load,
)
from tests.valkey_cluster import ValkeyCluster

RAISED, LOWERED, ENDED = Change.RAISED, Change.LOWERED, Change.ENDED


def settings(version: int, *, credit_limit: int = 0, cap: int = NONE, suspended: int = 0) -> Apply:
    """A change of settings that leaves the rest without limits."""
    return Apply("anna", version, 0, 1, credit_limit, cap, NONE, NONE, NONE, suspended, "")


def credit(version: int) -> Apply:
    """A top-up."""
    return Apply("anna", version, 500, 0, 0, NONE, NONE, NONE, NONE, 0, "")


@pytest.mark.parametrize(
    ("before", "operation", "told"),
    [
        ([], credit(2), [RAISED]),
        ([], settings(2, credit_limit=1), [RAISED]),
        ([settings(2, credit_limit=1)], settings(3), [LOWERED]),
        ([], settings(2, cap=1_000), [LOWERED]),
        ([settings(2, cap=1_000)], settings(3, cap=2_000), [RAISED]),
        ([settings(2, cap=1_000)], settings(3), [RAISED]),
        ([], settings(2, suspended=1), [LOWERED]),
        ([settings(2, suspended=1)], settings(3), [RAISED]),
        ([], settings(2, credit_limit=1, cap=1_000), [RAISED, LOWERED]),
        ([], debit(1, 7), [LOWERED]),
        ([], Repair("anna", 1, 0, START_BALANCE, 7), [RAISED]),
        ([], Repair("anna", 1, 0, START_BALANCE, -7), [LOWERED]),
    ],
)
async def test_what_changes_bounds_is_told_to_all_calls_of_the_tenant(
    redis_url: str, before: Sequence[Operation], operation: Operation, told: list[Change]
) -> None:
    async with bench_on(redis_url) as bench:
        await bench.ask(load("anna"), *before)
        async with listening(topology_of(redis_url, 1), 0) as heard:
            await bench.ask(operation)
            assert await anext(heard) == [FateChange("anna", "", change) for change in told]


async def test_an_operators_hang_up_is_told_once_and_to_one_call(redis_url: str) -> None:
    async with bench_on(redis_url) as bench:
        await bench.ask(load("anna"), authorize("one"), authorize("two"))
        async with listening(topology_of(redis_url, 1), 0) as heard:
            await bench.ask(End("anna", "one"))
            await bench.ask(End("anna", "one"))
            await bench.ask(charge("two", 5, 10_000))
            await bench.ask(End("anna", "two"))
            assert await anext(heard) == [FateChange("anna", "one", ENDED)]
            assert await anext(heard) == [FateChange("anna", "two", ENDED)]


async def test_a_repeated_change_is_not_told_again(redis_url: str) -> None:
    async with bench_on(redis_url) as bench:
        await bench.ask(load("anna"), credit(2))
        async with listening(topology_of(redis_url, 1), 0) as heard:
            await bench.ask(credit(2))
            await bench.ask(settings(3, suspended=1))
            assert await anext(heard) == [FateChange("anna", "", LOWERED)]


async def test_each_shard_of_a_cluster_tells_its_own(valkey_cluster: ValkeyCluster) -> None:
    url = valkey_cluster.url.replace("redis://", "redis+cluster://")
    tenants = [next(t for t in map(str, range(99)) if shard_of(t, 3) == n) for n in range(3)]
    async with bench_on(url, shards=3) as bench:
        await bench.ask(*(load(tenant) for tenant in tenants))
        for shard, tenant in enumerate(tenants):
            async with listening(topology_of(url, 1), shard) as heard:
                await bench.ask(credit(2)._replace(tenant=tenant))
                assert await anext(heard) == [FateChange(tenant, "", RAISED)]


async def test_listening_ends_when_the_store_goes_away(own_valkey: EmbeddedValkey) -> None:
    listens = asyncio.Event()

    async def listen() -> None:
        async with listening(topology_of(own_valkey.url, 1), 0) as heard:
            listens.set()
            await anext(heard)

    waiting = asyncio.ensure_future(listen())
    await listens.wait()
    await own_valkey.stop()
    with pytest.raises(StoreUnavailable):
        await waiting
