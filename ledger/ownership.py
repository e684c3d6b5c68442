"""Which shards this process owns: session advisory locks on one connection of its own.

Needs a session of its own in Postgres, not a pooler that shares sessions between transactions.
"""

import asyncio
from contextlib import suppress

import asyncpg

from ledger.driver_errors import driver_errors
from ledger.errors import LedgerUnavailable

# The first of the two numbers of a lock; the second is the shard.
OWNERSHIP_LOCK = 1_953_459_308
TIMEOUT_S = 5.0
# A host that vanished without a word must not own a shard for hours.
_KEEPALIVE = {
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
}


class Ownership:
    """Owns shards for as long as its connection lives; a lost connection owns nothing."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._connection: asyncpg.Connection[asyncpg.Record] | None = None
        self._shards: set[int] = set()
        self._turn = asyncio.Lock()

    async def try_own(self, shard: int) -> bool:
        """Takes the shard unless another process owns it; asked again, it makes sure.

        Raises LedgerUnavailable, after which nothing is owned.
        """
        async with self._turn:
            try:
                with driver_errors():
                    return await self._try(shard)
            except LedgerUnavailable:
                await self._drop()
                raise

    def held(self, shard: int) -> bool:
        """Whether the shard is owned, as far as is known without asking."""
        connection = self._connection
        return shard in self._shards and connection is not None and not connection.is_closed()

    async def release(self) -> None:
        """Gives all shards back and closes the connection."""
        async with self._turn:
            await self._drop()

    async def _try(self, shard: int) -> bool:
        connection = await self._connected()
        if shard in self._shards:
            # A lock is counted: taking it again would need two releases.
            await connection.execute("SELECT 1")
            return True
        owned = await connection.fetchval(
            "SELECT pg_try_advisory_lock($1, $2)", OWNERSHIP_LOCK, shard
        )
        if owned:
            self._shards.add(shard)
        return bool(owned)

    async def _connected(self) -> "asyncpg.Connection[asyncpg.Record]":
        if self._connection is None or self._connection.is_closed():
            self._shards.clear()
            self._connection = await asyncpg.connect(
                self._dsn, timeout=TIMEOUT_S, command_timeout=TIMEOUT_S, server_settings=_KEEPALIVE
            )
        return self._connection

    async def _drop(self) -> None:
        connection, self._connection = self._connection, None
        self._shards.clear()
        if connection is not None:
            with suppress(OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
                await connection.close(timeout=TIMEOUT_S)
