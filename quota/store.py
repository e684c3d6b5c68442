"""QuotaStore: the live store as its users see it, one coalescing line to each shard."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any, NamedTuple

from redis.asyncio import Redis
from redis.exceptions import RedisError

from quota.batch import Result
from quota.errors import StoreUnavailable
from quota.keys import key, shard_of
from quota.operation import Operation
from quota.outbox import OutboxEntry, decode_entry
from quota.shard_line import EpochKeeper, ShardLine
from quota.shard_state import ShardState, client_state, wipe
from quota.timing import Timing
from quota.topology import Topology

POSTED_WAIT_S = 0.05


class Posting(NamedTuple):
    """An outbox entry, in the epoch in which its number means something, and whether it was in the
    ledger when the shard last answered.
    """

    n: int
    epoch: str
    posted: bool


class QuotaStore:
    """Submits operations to the shard of their tenant, and reads what lies beside the batches.

    Every method raises StoreUnavailable when Redis gives no answer in time, and `submit` StoreUnfit
    when it must not be used as it is set up.
    """

    def __init__(
        self,
        topology: Topology,
        keeper: EpochKeeper,
        *,
        shards: int = 1,
        timing: Timing | None = None,
        patience_s: float = 1.0,
    ) -> None:
        self.timing = timing or Timing()
        self.shards = shards
        self._topology = topology
        self._lines = [
            ShardLine(shard, topology, keeper, self.timing, patience_s) for shard in range(shards)
        ]

    def line(self, shard: int) -> ShardLine:
        """The line to a shard."""
        return self._lines[shard]

    def line_of(self, tenant: str) -> ShardLine:
        """The line to a tenant's shard."""
        return self._lines[shard_of(tenant, self.shards)]

    def submit(self, operation: Operation, epoch: str = "") -> asyncio.Future[Result]:
        """Queues an operation for its tenant's shard. Operations of a tenant are sent in order; who
        needs them decided in order awaits each before the next.

        With an `epoch` it is only decided in that one.
        """
        return self.line_of(operation.tenant).submit(operation, epoch)

    def posting(self, tenant: str, n: int) -> "Posting":
        """What is known of outbox entry n. To be asked without an await after its number was told:
        after a rebuild of the shard the same number names another entry.
        """
        line = self.line_of(tenant)
        return Posting(n, line.epoch, n <= line.posted_n)

    async def wait_posted(self, tenant: str, posting: "Posting") -> bool:
        """Waits up to 50 ms for an entry to reach the ledger; tells whether it did."""
        line = self.line_of(tenant)
        if posting.posted or line.epoch != posting.epoch:
            return posting.posted
        return await line.posted.wait(posting.n, POSTED_WAIT_S)

    async def close(self) -> None:
        """Closes every line."""
        for line in self._lines:
            await line.close()


class ShardReader:
    """Reads one shard beside the batches, on a connection of its own: outbox, leases, calls."""

    def __init__(self, topology: Topology, shard: int) -> None:
        self.shard = shard
        self._topology = topology
        self._client: Redis | None = None

    @contextlib.asynccontextmanager
    async def _connected(self) -> AsyncIterator[Any]:
        try:
            if self._client is None:
                client = await self._topology.client(self.shard)
                # Another may have been quicker; what is not used yet has no connection.
                self._client = self._client or client
            yield self._client
        except (RedisError, OSError) as error:
            await self.close()
            raise StoreUnavailable(f"Redis gave no answer ({type(error).__name__})") from error

    async def state(self) -> ShardState:
        """The shard's epoch and numbers."""
        async with self._connected() as client:
            return await client_state(client, self.shard)

    async def now_ms(self) -> int:
        """The store's clock, in ms since the Unix epoch."""
        async with self._connected() as client:
            seconds, micros = await client.time()
            return int(seconds) * 1000 + int(micros) // 1000

    async def outbox_after(self, n: int, count: int, block_ms: int | None) -> list[OutboxEntry]:
        """Up to `count` entries with numbers above n, in order; waits up to block_ms for one."""
        async with self._connected() as client:
            stream = key(self.shard, "outbox")
            reply = await client.xread({stream: f"{n}-0"}, count=count, block=block_ms)
            rows = reply[0][1] if reply else []
            return [
                decode_entry(int(i.split(b"-")[0]), fields.get(b"e", b"")) for i, fields in rows
            ]

    async def due_leases(self, until_ms: int, count: int) -> list[tuple[str, str]]:
        """Up to `count` (tenant, member) whose lease entry is due by then, the oldest first."""
        async with self._connected() as client:
            members = await client.zrange(
                key(self.shard, "leases"), "-inf", until_ms, byscore=True, offset=0, num=count
            )
        pairs = (member.decode().partition("/") for member in members)
        return [(tenant, name) for tenant, _, name in pairs]

    async def scan_calls(self, tenant: str, cursor: int, count: int) -> tuple[int, list[str]]:
        """One step over a tenant's call ids: the next cursor (0 at the end) and those found."""
        async with self._connected() as client:
            next_cursor, found = await client.hscan(
                key(self.shard, "calls"), cursor, match=f"{tenant}/[^!#]*", count=count
            )
        return int(next_cursor), [member.decode().partition("/")[2] for member in found]

    async def holds(self, tenant: str, member: str) -> bool:
        """Whether there is a record of a call id or `debit_key(request_id)`."""
        async with self._connected() as client:
            return bool(await client.hexists(key(self.shard, "calls"), f"{tenant}/{member}"))

    async def scan_tenants(self, cursor: int, count: int) -> tuple[int, list[str]]:
        """One step over the tenants that the shard holds: the next cursor and those found."""
        async with self._connected() as client:
            next_cursor, found = await client.hscan(
                key(self.shard, "accounts"), cursor, count=count
            )
        return int(next_cursor), [tenant.decode() for tenant in found]

    async def wipe(self, epoch: str) -> None:
        """Empties the shard and starts it under a new epoch."""
        async with self._connected() as client:
            await wipe(client, self.shard, epoch)

    async def close(self) -> None:
        """Closes the connection; the next read opens another."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()
