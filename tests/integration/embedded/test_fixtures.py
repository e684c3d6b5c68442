"""The shared fixtures do what their names say."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any

import asyncpg
import pytest
from redis.asyncio import Redis
from redis.asyncio.cluster import RedisCluster
from redis.exceptions import RedisError

from tests.proxy import Proxy
from tests.valkey_cluster import ValkeyCluster

Proxied = Callable[[str], Coroutine[Any, Any, Proxy]]


@pytest.mark.parametrize("_turn", [1, 2])
async def test_each_test_gets_empty_stores(_turn: int, redis_url: str, postgres_dsn: str) -> None:
    async with Redis.from_url(redis_url) as client:
        assert await client.dbsize() == 0
        await client.set("left", "behind")
    connection = await asyncpg.connect(postgres_dsn)
    await connection.execute("CREATE TABLE left_behind ()")
    await connection.close()


async def test_the_cluster_spreads_keys_over_its_nodes(valkey_cluster: ValkeyCluster) -> None:
    async with RedisCluster.from_url(valkey_cluster.url) as client:
        for number in range(30):
            await client.set(f"k{number}", number)
        sizes = [await client.dbsize(target_nodes=node) for node in client.get_primaries()]
    assert len(sizes) == 3
    assert all(sizes)


async def test_the_proxy_passes_cuts_and_restores(redis_url: str, proxied: Proxied) -> None:
    proxy = await proxied(redis_url)
    async with Redis.from_url(proxy.url, retry=None, socket_timeout=2) as client:
        await client.set("k", "v")
        proxy.cut()
        with pytest.raises((RedisError, OSError)):
            await client.get("k")
        proxy.restore()
        assert await client.get("k") == b"v"


async def test_the_proxy_delays_and_holds(redis_url: str, proxied: Proxied) -> None:
    proxy = await proxied(redis_url)
    async with Redis.from_url(proxy.url, retry=None) as client:
        await client.ping()
        proxy.delay(0.05)
        started = time.monotonic()
        await client.ping()
        assert time.monotonic() - started >= 0.1
        proxy.delay(0)
        proxy.hold()
        waiting = asyncio.ensure_future(client.ping())
        done, _ = await asyncio.wait([waiting], timeout=0.1)
        assert not done
        proxy.restore()
        assert await waiting


async def test_the_proxy_stands_before_postgres_too(postgres_dsn: str, proxied: Proxied) -> None:
    proxy = await proxied(postgres_dsn)
    connection = await asyncpg.connect(proxy.url, ssl=False)
    assert await connection.fetchval("SELECT 1") == 1
    proxy.cut()
    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
        await connection.fetchval("SELECT 1")
    connection.terminate()
