"""The installation's shards: their fixed number, their epochs, and how far each is posted."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import NamedTuple

from ledger.driver_errors import driver_errors
from ledger.errors import LedgerUnavailable, ShardCountMismatch
from ledger.pool import Connection, Pool
from ledger.sql import statements
from ledger.transaction import ACQUIRE_TIMEOUT_S, transact

SQL = statements("shards")


class Mark(NamedTuple):
    """How far a shard's outbox is posted: its epoch, and the last number in it."""

    epoch: int
    n: int


class Rebuild(NamedTuple):
    """A rebuild under way: the mark as it was, and the epoch that follows."""

    mark: Mark
    next_epoch: int


class Shards:
    """Epochs are raised only here. Every method raises LedgerUnavailable."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def fix_count(self, wanted: int) -> int:
        """Fixes the number of shards at first start; ShardCountMismatch when it differs later."""

        async def work(connection: Connection) -> int:
            await connection.execute(SQL["fix_count"], wanted)
            return int(await connection.fetchval(SQL["find_count"]))

        stored = await transact(self._pool, work)
        if stored != wanted:
            raise ShardCountMismatch(stored, wanted)
        return stored

    async def mark(self, shard: int) -> Mark:
        """The shard's mark; a new shard begins at epoch 1, number 0."""

        async def work(connection: Connection) -> Mark:
            return await _mark(connection, shard)

        return await transact(self._pool, work)

    async def admit(self, shard: int) -> Mark:
        """The shard's mark, for a server to be held against, as nobody can move it any more who has
        read the outbox before: groups under way are waited for, later ones are refused.
        """

        async def work(connection: Connection) -> Mark:
            await _mark(connection, shard)
            await connection.execute(SQL["count_admission"], shard)
            return await _mark(connection, shard)

        return await transact(self._pool, work)

    @asynccontextmanager
    async def rebuild(self, shard: int) -> AsyncIterator[Rebuild]:
        """Keeps every posting group of the shard out, and raises its epoch on a clean exit.

        In the new epoch the outbox begins at number 0. An exception inside leaves all as it was.
        The body must come to an end within a minute.
        """
        with driver_errors():
            connection = await self._pool.acquire(timeout=ACQUIRE_TIMEOUT_S)
        try:
            transaction = connection.transaction()
            with driver_errors():
                await transaction.start()
                mark = await _lock(connection, shard)
            try:
                # Outside of driver_errors: what the body raises is the caller's own.
                yield Rebuild(mark, mark.epoch + 1)
            except BaseException:
                # A connection that is lost has rolled back already.
                with suppress(LedgerUnavailable), driver_errors():
                    await transaction.rollback()
                raise
            with driver_errors():
                await connection.execute(SQL["raise_epoch"], shard)
                await connection.execute(SQL["restart_progress"], shard)
                await transaction.commit()
        finally:
            await self._pool.release(connection)


async def _lock(connection: Connection, shard: int) -> Mark:
    await connection.execute(SQL["allow_a_pause"])
    await _mark(connection, shard)
    await connection.execute(SQL["lock_epoch"], shard)
    return await _mark(connection, shard)


async def _mark(connection: Connection, shard: int) -> Mark:
    row = await connection.fetchrow(SQL["find_mark"], shard)
    if row is None:
        await connection.execute(SQL["add_shard"], shard)
        await connection.execute(SQL["add_progress"], shard)
        row = await connection.fetchrow(SQL["find_mark"], shard)
        assert row is not None, "a shard that was just added is there"
    return Mark(row["epoch"], row["n"])
