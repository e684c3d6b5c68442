"""Where a shard's Redis is: one server, the master behind Sentinel, or a cluster's node.

URLs: `redis://`, `rediss://` and `unix://` as redis-py takes them;
`redis+sentinel://host:port[,host:port]/service[/db]`; `redis+cluster://host:port[,host:port]`.
Connections never repeat a command by themselves: a lost reply is unknown, and only the caller
knows how to ask again.
"""

from typing import Any, Protocol
from urllib.parse import unquote, urlsplit

from redis.asyncio import Redis, RedisCluster
from redis.asyncio.cluster import ClusterNode
from redis.asyncio.connection import AbstractConnection, ConnectionPool
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel
from redis.backoff import NoBackoff
from redis.exceptions import RedisClusterException

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
        self._username = unquote(parts.username) if parts.username else None
        self._password = unquote(parts.password) if parts.password else None
        self._seeds = parts.netloc.rpartition("@")[2].split(",")
        self._timeout_s = timeout_s

    async def _node(self, shard: int) -> str:
        try:
            async with self._cluster() as cluster:
                node = cluster.get_node_from_key(tag(shard))
        except RedisClusterException as error:  # redis-py counts it among no other Redis errors
            raise ConnectionError(str(error)) from error
        if node is None:
            raise ConnectionError(f"no cluster node serves the slot of shard {shard}")
        return f"redis://{self._credentials}{node.host}:{node.port}"

    def _cluster(self) -> RedisCluster:
        seeds = (seed.rpartition(":") for seed in self._seeds)
        return RedisCluster(
            startup_nodes=[ClusterNode(host, int(port)) for host, _, port in seeds],
            username=self._username,
            password=self._password,
            require_full_coverage=False,  # one shard needs one slot
            **_options(self._timeout_s),
        )

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
