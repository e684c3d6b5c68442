"""Several shards on three nodes in cluster mode: every path, moved slots, seeds that are away."""

import asyncio
from typing import Any

import pytest
from redis.asyncio import Redis
from redis.crc import key_slot

from quota import script
from quota.batch import Simple
from quota.changes import FateChange, listening
from quota.decision import Change, Code
from quota.errors import StoreUnavailable
from quota.keys import key, shard_of
from quota.operation import Confirm, LookAccount, Operation, Sweep, debit_key
from quota.shard_state import ShardState
from quota.timing import Timing
from quota.topology import topology_of
from tests.integration.quota.store_samples import (
    START_BALANCE,
    Bench,
    Keeper,
    accepted,
    authorize,
    bench_on,
    charge,
    client_on,
    debit,
    load,
    reader_on,
    settle,
    until,
)
from tests.oracle.histories import History, generate
from tests.oracle.lockstep import comparable, looks_at
from tests.oracle.shard import OracleShard
from tests.valkey_cluster import ValkeyCluster

SHARDS = 6
CLOCK = "redis.call('TIME')"
SET_CLOCK = """
redis.register_function('set_clock', function(keys, args) clock = { args[1], args[2] } end)
"""


def url_of(cluster: ValkeyCluster) -> str:
    """The cluster for a store."""
    return cluster.url.replace("redis://", "redis+cluster://")


def tenant_of(shard: int, name: str = "tenant") -> str:
    """A tenant of a shard."""
    return next(t for t in (f"{name}-{n}" for n in range(999)) if shard_of(t, SHARDS) == shard)


class Nodes:
    """The nodes of a cluster by id: a client and the port of each."""

    def __init__(self, ports: dict[str, int]) -> None:
        self.ports = ports
        self.clients: dict[str, Any] = {n: Redis(port=port) for n, port in ports.items()}

    @classmethod
    async def of(cls, cluster: ValkeyCluster) -> "Nodes":
        """Asks one node for all."""
        async with client_on(cluster.url) as seed:
            rows = await seed.execute_command("CLUSTER SLOTS")
        return cls({row[2][2].decode(): row[2][1] for row in rows})

    async def __aenter__(self) -> "Nodes":
        return self

    async def __aexit__(self, *_: object) -> None:
        for client in self.clients.values():
            await client.aclose()

    async def owner(self, shard: int) -> str:
        """The node that a shard lives on."""
        slot = key_slot(f"s{shard}".encode())
        [client, *_] = self.clients.values()
        for first, last, node in await client.execute_command("CLUSTER SLOTS"):
            if first <= slot <= last:
                return str(node[2].decode())
        raise AssertionError(f"nobody owns shard {shard}")

    async def begin_move(self, shard: int) -> tuple[str, str]:
        """Says on both sides that the shard's slot moves; from there, to there."""
        slot, source = key_slot(f"s{shard}".encode()), await self.owner(shard)
        target = next(node for node in self.clients if node != source)
        setslot = ("CLUSTER SETSLOT", slot)
        await self.clients[target].execute_command(*setslot, "IMPORTING", source)
        await self.clients[source].execute_command(*setslot, "MIGRATING", target)
        return source, target

    async def move_keys(self, shard: int, source: str, target: str) -> None:
        """Takes the shard's keys over, one after the other."""
        slot, client = key_slot(f"s{shard}".encode()), self.clients[source]
        while names := await client.execute_command("CLUSTER GETKEYSINSLOT", slot, 1):
            await client.migrate("127.0.0.1", self.ports[target], names, 0, 5_000)

    async def end_move(self, shard: int, target: str) -> None:
        """Tells everyone who owns the slot now, the new owner first."""
        slot = key_slot(f"s{shard}".encode())
        for node in sorted(self.clients, key=lambda node: node != target):
            await self.clients[node].execute_command("CLUSTER SETSLOT", slot, "NODE", target)


async def test_tenants_spread_over_shards_and_nodes(valkey_cluster: ValkeyCluster) -> None:
    tenants = [f"tenant-{number}" for number in range(200)]
    async with (
        await Nodes.of(valkey_cluster) as nodes,
        bench_on(url_of(valkey_cluster), shards=SHARDS) as bench,
    ):
        for client in nodes.clients.values():
            await client.function_flush()
        await bench.ask(*(load(tenant) for tenant in tenants))
        results = await bench.ask(*(debit(1, 7, tenant) for tenant in tenants))
        assert {result.code for result in results} == {Code.OK}
        owners = {await nodes.owner(shard) for shard in range(SHARDS)}
        assert len(owners) == 3
        for node, client in nodes.clients.items():
            held = set(await client.keys("*"))
            mine = [s for s in range(SHARDS) if await nodes.owner(s) == node]
            assert held == {
                key(s, name).encode() for s in mine
                for name in ("accounts", "calls", "leases", "outbox", "epoch")
            }  # fmt: skip
            libraries = [row[1].decode() for row in await client.function_list()]
            assert len(libraries) == 1
            assert script.library().strict.startswith(libraries[0])
        found: list[str] = []
        for shard in range(SHARDS):
            async with reader_on(url_of(valkey_cluster), shard) as reader:
                _, names = await reader.scan_tenants(0, 1_000)
                found += names
        assert sorted(found) == sorted(tenants)


def moved_to(history: History, shard: int) -> History:
    """The history with tenants of one shard; what names no tenant at all is left out."""
    names = {name: tenant_of(shard, name) for name in ("anna", "bert", "cleo")}
    batches = tuple(
        batch._replace(
            spoil=(),
            heal=(),
            operations=tuple(
                operation._replace(tenant=names[operation.tenant])
                for operation in batch.operations
                if operation.tenant in names
            ),
        )
        for batch in history.batches
    )
    return history._replace(batches=batches)


async def assert_alike(
    bench: Bench, nodes: Nodes, history: History, shard: int, now_ms: list[int]
) -> None:
    """Plays a history through the store, whose clocks it sets, and on the oracle."""
    oracle, looks = OracleShard(history.config), looks_at(history)
    for batch in history.batches:
        now_ms[0] = batch.now_ms
        await nodes.clients[await nodes.owner(shard)].fcall(
            "set_clock", 0, batch.now_ms // 1_000, batch.now_ms % 1_000 * 1_000 + 999
        )
        operations: list[Operation] = [*batch.operations, *looks]
        expected = oracle.apply(operations, batch.now_ms, batch.dates)
        got = await bench.ask(*operations)
        for operation, mine, theirs in zip(operations, expected, got, strict=True):
            assert comparable(theirs) == comparable(mine), (history.seed, operation)
        line = bench.store.line(shard)
        assert (line.last_n, line.posted_n) == (oracle.n, oracle.posted)


@pytest.mark.parametrize("group", range(3))
async def test_random_histories_of_every_shard_agree_with_the_oracle(
    valkey_cluster: ValkeyCluster, monkeypatch: pytest.MonkeyPatch, group: int
) -> None:
    product = script.library()
    assert product.code.count(CLOCK) == 1
    code = product.code.replace(CLOCK, "clock").replace("\n", "\nlocal clock\n", 1) + SET_CLOCK
    async with await Nodes.of(valkey_cluster) as nodes:
        keeper: Keeper | None = None
        now_ms = [0]
        monkeypatch.setattr("quota.shard_line.time.time", lambda: now_ms[0] / 1_000)
        for client in nodes.clients.values():
            await client.function_flush()
            await client.function_load(code)
        for shard in range(SHARDS):
            history = moved_to(generate(9_000 + group * SHARDS + shard), shard)
            timing = Timing(**history.config._asdict())
            async with bench_on(
                url_of(valkey_cluster), shards=SHARDS, timing=timing, keeper=keeper
            ) as bench:
                keeper = bench.keeper
                await assert_alike(bench, nodes, history, shard, now_ms)
        for client in nodes.clients.values():
            await client.function_flush()


async def test_a_moved_slot_is_followed_without_losing_or_doubling(
    valkey_cluster: ValkeyCluster,
) -> None:
    shard, url = 2, url_of(valkey_cluster)
    tenant = tenant_of(shard)
    async with await Nodes.of(valkey_cluster) as nodes, bench_on(url, shards=SHARDS) as bench:
        await bench.ask(load(tenant), authorize("call", tenant))
        done: list[int] = []
        go_on = True

        async def debit_on_and_on() -> None:
            while go_on:
                number = len(done) + 1
                [result] = await bench.ask(debit(number, 1, tenant))
                assert result == Simple(Code.OK, number, START_BALANCE - number)
                done.append(number)

        debiting = asyncio.create_task(debit_on_and_on())
        await until(lambda: len(done) > 20)
        source, target = await nodes.begin_move(shard)
        await nodes.move_keys(shard, source, target)
        await nodes.end_move(shard, target)
        moved_at = len(done)
        await until(lambda: len(done) > moved_at + 20 or debiting.done())
        go_on = False
        await debiting
        assert await nodes.owner(shard) == target
        assert (await bench.account(tenant)).balance == START_BALANCE - len(done)
        assert bench.keeper.rebuilt == 1
        assert await nodes.clients[target].xlen(key(shard, "outbox")) == len(done)
        settled = accepted((await bench.ask(settle("call", 70, 7_000, tenant)))[0])
        assert settled.charged == 70


async def test_a_half_moved_slot_is_waited_for(valkey_cluster: ValkeyCluster) -> None:
    shard = 4
    tenant = tenant_of(shard)
    url = url_of(valkey_cluster)
    async with await Nodes.of(valkey_cluster) as nodes, bench_on(url, shards=SHARDS) as bench:
        await bench.ask(load(tenant), debit(1, 1, tenant))
        source, target = await nodes.begin_move(shard)
        client = nodes.clients[source]
        await client.migrate(
            "127.0.0.1",
            nodes.ports[target],
            [key(shard, "accounts"), key(shard, "epoch")],
            0,
            5_000,
        )
        waiting = bench.store.submit(debit(2, 1, tenant))
        async with bench_on(url, shards=SHARDS, patience_s=0.3, keeper=bench.keeper) as impatient:
            with pytest.raises(StoreUnavailable):
                await impatient.store.submit(debit(3, 1, tenant))
        assert not waiting.done()
        await nodes.move_keys(shard, source, target)
        await nodes.end_move(shard, target)
        assert await waiting == Simple(Code.OK, 2, START_BALANCE - 2)
        assert bench.keeper.rebuilt == 1


async def test_a_reader_follows_a_moved_slot(valkey_cluster: ValkeyCluster) -> None:
    shard, url = 1, url_of(valkey_cluster)
    tenant = tenant_of(shard)
    async with (
        await Nodes.of(valkey_cluster) as nodes,
        bench_on(url, shards=SHARDS) as bench,
        reader_on(url, shard) as reader,
    ):
        await bench.ask(load(tenant), debit(1, 1, tenant))
        before = await reader.state()
        source, target = await nodes.begin_move(shard)
        await nodes.move_keys(shard, source, target)
        await nodes.end_move(shard, target)
        with pytest.raises(StoreUnavailable):
            await reader.state()
        assert await reader.state() == before == ShardState("1", 1, 0, False)


async def test_listening_ends_when_the_shard_moves(valkey_cluster: ValkeyCluster) -> None:
    shard, url = 5, url_of(valkey_cluster)
    tenant = tenant_of(shard)
    async with await Nodes.of(valkey_cluster) as nodes, bench_on(url, shards=SHARDS) as bench:
        await bench.ask(load(tenant))
        async with listening(topology_of(url, 1), shard) as heard:
            hearing = asyncio.ensure_future(anext(heard))
            source, target = await nodes.begin_move(shard)
            await nodes.move_keys(shard, source, target)
            await nodes.end_move(shard, target)
            with pytest.raises(StoreUnavailable, match="moved"):
                await hearing
        async with listening(topology_of(url, 1), shard) as heard:
            await bench.ask(debit(1, 1, tenant))
            assert await anext(heard) == [FateChange(tenant, "", Change.LOWERED)]


async def test_a_wipe_of_one_shard_leaves_those_on_the_same_node(
    valkey_cluster: ValkeyCluster,
) -> None:
    url = url_of(valkey_cluster)
    async with bench_on(url, shards=SHARDS) as bench:
        for shard in range(SHARDS):
            await bench.ask(load(tenant_of(shard)), debit(1, 1, tenant_of(shard)))
        async with reader_on(url, 3) as reader:
            await reader.wipe("9")
            assert await reader.state() == ShardState("9", 0, 0, False)
            assert await reader.scan_tenants(0, 10) == (0, [])
        for shard in {*range(SHARDS)} - {3}:
            assert (await bench.account(tenant_of(shard))).balance == START_BALANCE - 1


async def test_any_seed_that_answers_will_do(valkey_cluster: ValkeyCluster) -> None:
    url = url_of(valkey_cluster).replace("//", "//127.0.0.1:1,", 1)
    async with bench_on(url, shards=SHARDS) as bench:
        assert await bench.ask(load(tenant_of(5))) == [Simple(Code.OK)]


async def test_a_cluster_that_is_away_is_unavailable() -> None:
    url = "redis+cluster://127.0.0.1:1,127.0.0.1:2"
    async with bench_on(url, shards=SHARDS, patience_s=0.3) as bench, reader_on(url) as reader:
        with pytest.raises(StoreUnavailable):
            await bench.store.submit(load())
        with pytest.raises(StoreUnavailable):
            await reader.state()


async def test_several_shards_share_a_single_server(redis_url: str) -> None:
    async with bench_on(redis_url, shards=SHARDS) as bench:
        for shard in range(SHARDS):
            tenant = tenant_of(shard)
            await bench.ask(load(tenant), authorize("c", tenant), charge("c", 10, 4_000, tenant))
            await bench.ask(Sweep(tenant, "c"), debit(1, 1, tenant))
            await bench.ask(Confirm(tenant, debit_key("1"), 1, 1, 0), LookAccount(tenant))
        assert len(bench.keeper.asked) == SHARDS
