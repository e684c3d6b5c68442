"""Readers that are asked by several at once, and what is open when they are closed."""

import asyncio

import pytest
from redis.asyncio import Redis

from quota.store import ShardReader
from quota.topology import ClusterNodes
from tests.integration.quota.store_samples import client_on, eventually
from tests.valkey_cluster import ValkeyCluster


class Kept(ClusterNodes):
    """Keeps what it has made, so that nothing is closed by being forgotten."""

    def __init__(self, url: str) -> None:
        super().__init__(url, timeout_s=5)
        self.made: list[Redis] = []

    async def client(self, shard: int) -> Redis:
        """A client of the node that owns the shard's slot now."""
        self.made.append(await super().client(shard))
        return self.made[-1]


@pytest.mark.timeout(10)
async def test_a_closed_reader_that_several_asked_at_once_leaves_no_connection(
    valkey_cluster: ValkeyCluster,
) -> None:
    kept = Kept(valkey_cluster.url.replace("redis://", "redis+cluster://"))
    async with client_on(await kept._node(0)) as watcher:
        before = len(await watcher.client_list())
        reader = ShardReader(kept, 0)
        await asyncio.gather(*(reader.now_ms() for _ in range(3)))
        await reader.close()

        async def only_the_watcher() -> bool:
            return len(await watcher.client_list()) == before

        await eventually(only_the_watcher)
