"""Where a shard's Redis is: one server, the master behind Sentinel, or a cluster's node.

URLs: `redis://`, `rediss://` and `unix://` as redis-py takes them;
`redis+sentinel://host:port[,host:port]/service[/db]`; `redis+cluster://host:port[,host:port]`.
Connections never repeat a command by themselves: a lost reply is unknown, and only the caller
knows how to ask again.
"""

import asyncio
from typing import Any, Protocol
from urllib.parse import urlsplit

from redis.asyncio import Redis
from redis.asyncio.connection import AbstractConnection, ConnectionPool
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel
from redis.backoff import NoBackoff
from redis.crc import key_slot
from redis.exceptions import RedisError

from quota.keys import tag


class Topology(Protocol):
    """Opens connections to the server that holds a shard now."""

    async def connect(self, shard: int) -> AbstractConnection:
        """A connected connection without time-outs; the caller bounds, owns and closes it."""

    async def client(self, shard: int) -> "Redis":
        """A client for reads beside the batches; the caller closes it."""


def _options(timeout_s: float) -> dict[str, Any]:
    return {
        "socket_timeout": timeout_s,
        "socket_connect_timeout": timeout_s,
        "retry": Retry(NoBackoff(), 0),
        "protocol": 2,
        "health_check_interval": 0,
    }


# A reader waits for new outbox entries up to this long; its time-out comes after that.
READER_BLOCK_MS = 1_000


def _pool(url: str, timeout_s: float) -> ConnectionPool:
    return ConnectionPool.from_url(url, **_options(timeout_s))


def _client(url: str, timeout_s: float) -> Redis:
    return Redis.from_pool(_pool(url, timeout_s + READER_BLOCK_MS / 1000))


async def _connect(url: str, timeout_s: float) -> AbstractConnection:
    """A connection whose reads and writes have no time-out of their own: whoever sends a command
    bounds the whole exchange, which is cheaper than bounding each half.
    """
    pool = ConnectionPool.from_url(url, **_options(timeout_s) | {"socket_timeout": None})
    connection: AbstractConnection = pool.make_connection()  # type: ignore[no-untyped-call]
    await connection.connect()  # type: ignore[no-untyped-call]
    return connection


class SingleServer:
    """Every shard lives on one server."""

    def __init__(self, url: str, timeout_s: float) -> None:
        self._url, self._timeout_s = url, timeout_s

    async def connect(self, shard: int) -> AbstractConnection:
        """A connection to the server."""
        return await _connect(self._url, self._timeout_s)

    async def client(self, shard: int) -> Redis:
        """A client of the server."""
        return _client(self._url, self._timeout_s)


class SentinelMaster:
    """Every shard lives on the master that the sentinels name; asked anew for each connection."""

    def __init__(self, url: str, timeout_s: float) -> None:
        parts = urlsplit(url)
        self._service, _, self._db = parts.path.strip("/").partition("/")
        self._credentials = f"{parts.username or ''}:{parts.password}@" if parts.password else ""
        self._timeout_s = timeout_s
        hosts = parts.netloc.rpartition("@")[2].split(",")
        self._hosts = [(host, int(port)) for host, _, port in (h.rpartition(":") for h in hosts)]

    async def _master(self) -> str:
        sentinel = Sentinel(  # type: ignore[no-untyped-call]
            self._hosts, sentinel_kwargs=_options(self._timeout_s)
        )
        try:
            host, port = await sentinel.discover_master(self._service)
        finally:
            for client in sentinel.sentinels:
                await client.aclose()
        return f"redis://{self._credentials}{host}:{port}/{self._db or 0}"

    async def connect(self, shard: int) -> AbstractConnection:
        """A connection to the present master."""
        return await _connect(await self._master(), self._timeout_s)

    async def client(self, shard: int) -> Redis:
        """A client of the present master."""
        return _client(await self._master(), self._timeout_s)


class ClusterNodes:
    """Each shard lives on the cluster node that owns its slot; looked up for each connection."""

    def __init__(self, url: str, timeout_s: float) -> None:
        parts = urlsplit(url)
        self._credentials = f"{parts.username or ''}:{parts.password}@" if parts.password else ""
        self._seeds = parts.netloc.rpartition("@")[2].split(",")
        self._timeout_s = timeout_s

    async def _node(self, shard: int) -> str:
        """The URL of the slot's owner, as the first seed that answers knows it."""
        slot, trouble = key_slot(tag(shard).encode()), "no seed is given"
        for seed in self._seeds:
            try:
                async with asyncio.timeout(self._timeout_s):
                    rows = await self._slots(seed)
            except (RedisError, OSError) as error:
                trouble = str(error)
                continue
            for first, last, (host, port, *_), *_ in rows:
                if first <= slot <= last:
                    # A node that does not know its own name is where it was asked.
                    place = host.decode() if host else seed.rpartition(":")[0]
                    return f"redis://{self._credentials}{place}:{port}"
            trouble = f"no node serves the slot of shard {shard}"
        raise ConnectionError(trouble)

    async def _slots(self, seed: str) -> list[Any]:
        connection = await _connect(f"redis://{self._credentials}{seed}", self._timeout_s)
        try:
            await connection.send_command("CLUSTER", "SLOTS")
            rows: list[Any] = await connection.read_response()
            return rows
        finally:
            await connection.disconnect(nowait=True)

    async def connect(self, shard: int) -> AbstractConnection:
        """A connection to the node that owns the shard's slot now."""
        return await _connect(await self._node(shard), self._timeout_s)

    async def client(self, shard: int) -> Redis:
        """A client of the node that owns the shard's slot now."""
        return _client(await self._node(shard), self._timeout_s)


def topology_of(url: str, timeout_s: float) -> Topology:
    """The topology that a URL describes."""
    scheme = urlsplit(url).scheme
    if scheme == "redis+sentinel":
        return SentinelMaster(url, timeout_s)
    if scheme == "redis+cluster":
        return ClusterNodes(url, timeout_s)
    return SingleServer(url, timeout_s)
