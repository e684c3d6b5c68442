"""One master, one replica, one sentinel: the store follows a failover."""

import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from quota.batch import Simple
from quota.decision import Code
from quota.errors import StoreUnavailable
from server.embedded.program import find_valkey
from server.embedded.store_process import StoreProcess
from tests.integration.quota.store_samples import (
    START_BALANCE,
    bench_on,
    client_on,
    debit,
    eventually,
    load,
    reader_on,
)
from tests.valkey_cluster import free_ports

SERVICE = "tollgate"
STORE = ("--save", "", "--repl-diskless-sync-delay", "0")


class Watched:
    """The three processes, and how to reach them."""

    def __init__(self, directory: Path) -> None:
        self.master, self.replica, self.sentinel = free_ports(3)
        self.processes: dict[int, StoreProcess] = {}
        self._directory = directory

    @property
    def url(self) -> str:
        """For a store; the first sentinel is one that is gone."""
        return f"redis+sentinel://127.0.0.1:1,127.0.0.1:{self.sentinel}/{SERVICE}/0"

    async def start(self, stack: AsyncExitStack) -> None:
        """Starts master, replica and, when both are joined, the sentinel."""
        await self._start(stack, self.master, *STORE)
        await self._start(stack, self.replica, *STORE, "--replicaof", f"127.0.0.1 {self.master}")
        async with client_on(f"redis://127.0.0.1:{self.replica}") as client:
            await eventually(lambda: is_joined(client))
        config = self._directory / "sentinel.conf"
        config.write_text(
            f"sentinel monitor {SERVICE} 127.0.0.1 {self.master} 1\n"
            f"sentinel down-after-milliseconds {SERVICE} 300\n"
            f"sentinel failover-timeout {SERVICE} 3000\n"
        )
        await self._start(stack, self.sentinel, config, "--sentinel")
        async with client_on(f"redis://127.0.0.1:{self.sentinel}") as client:
            await eventually(lambda: client.sentinel_slaves(SERVICE))

    async def _start(self, stack: AsyncExitStack, port: int, *words: str | Path) -> None:
        place = self._directory / str(port)
        place.mkdir()
        process = self.processes[port] = StoreProcess("valkey", place, signal.SIGTERM)
        await process.claim()
        where = ("--port", str(port), "--bind", "127.0.0.1", "--dir", place)
        process.start([find_valkey().path, *words, *where])
        stack.push_async_callback(process.stop)
        async with client_on(f"redis://127.0.0.1:{port}") as client:
            await eventually(client.ping)


async def is_joined(client: Any) -> bool:
    """Whether a replica has its master's data."""
    return bool((await client.info("replication"))["master_link_status"] == "up")


@pytest.fixture
async def watched(state_dir: Path) -> AsyncIterator[Watched]:
    """A master with a replica under a sentinel's eyes."""
    async with AsyncExitStack() as stack:
        servers = Watched(state_dir)
        await servers.start(stack)
        yield servers


async def test_a_failover_is_followed(watched: Watched) -> None:
    async with bench_on(watched.url, patience_s=15) as bench, reader_on(watched.url) as reader:
        await bench.ask(load(), debit(1, 10))
        before = await reader.state()
        async with client_on(f"redis://127.0.0.1:{watched.master}") as client:
            await client.wait(1, 1_000)  # whether an acknowledged write survives is not the point
        await watched.processes[watched.master].stop()
        assert await bench.ask(debit(2, 10)) == [Simple(Code.OK, 2, START_BALANCE - 20)]
        assert bench.keeper.asked[-1] == before
        assert bench.keeper.rebuilt == 1
        async with client_on(f"redis://127.0.0.1:{watched.replica}") as client:
            assert (await client.info("replication"))["role"] == "master"
        with pytest.raises(StoreUnavailable):
            await reader.state()
        assert (await reader.state()).last_n == 2
