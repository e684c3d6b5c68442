"""The shard count is fixed, epochs rise only by a rebuild, and a shard has one owner."""

import asyncio

import asyncpg
import pytest

from ledger.errors import LedgerUnavailable, ShardCountMismatch
from ledger.ownership import Ownership
from ledger.pool import Pool
from ledger.shards import Mark, Shards


async def test_the_shard_count_is_fixed_at_first_start(pool: Pool) -> None:
    shards = Shards(pool)
    assert await shards.fix_count(4) == 4
    assert await shards.fix_count(4) == 4
    with pytest.raises(ShardCountMismatch) as raised:
        await shards.fix_count(8)
    assert (raised.value.stored, raised.value.wanted) == (4, 8)


async def test_a_new_shard_begins_at_epoch_one(pool: Pool) -> None:
    marks = await asyncio.gather(*(Shards(pool).mark(3) for _ in range(5)))
    assert set(marks) == {Mark(1, 0)}


async def test_a_rebuild_raises_the_epoch(shards: Shards) -> None:
    async with shards.rebuild(0) as rebuild:
        assert (rebuild.mark, rebuild.next_epoch) == (Mark(1, 0), 2)
    assert await shards.mark(0) == Mark(2, 0)


async def test_a_rebuild_that_fails_changes_nothing(shards: Shards) -> None:
    with pytest.raises(OSError, match="no store"):
        async with shards.rebuild(0):
            raise OSError("no store")
    assert await shards.mark(0) == Mark(1, 0)


async def test_two_rebuilds_follow_each_other(shards: Shards) -> None:
    async def rebuild() -> int:
        async with shards.rebuild(0) as rebuild:
            await asyncio.sleep(0.05)
            return rebuild.next_epoch

    assert sorted(await asyncio.gather(rebuild(), rebuild())) == [2, 3]
    assert await shards.mark(0) == Mark(3, 0)


async def test_a_shard_has_one_owner_until_it_is_released(database: str) -> None:
    first, second = Ownership(database), Ownership(database)
    try:
        assert await first.try_own(0)
        assert await first.try_own(0)
        assert first.held(0)
        assert not await second.try_own(0)
        assert await second.try_own(1)
        assert not second.held(0)
        await first.release()
        assert not first.held(0)
        assert await second.try_own(0)
        assert second.held(0)
        assert second.held(1)
    finally:
        await first.release()
        await second.release()


async def test_a_lost_connection_owns_nothing(database: str) -> None:
    owner = Ownership(database)
    connection = await asyncpg.connect(database)
    try:
        assert await owner.try_own(0)
        await connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        async with asyncio.timeout(5):
            while owner.held(0):  # noqa: ASYNC110, the driver hears of it in its own time
                await asyncio.sleep(0.01)
        assert await owner.try_own(0)
    finally:
        await connection.close()
        await owner.release()


async def test_a_server_that_is_away_lets_nothing_be_owned(database: str) -> None:
    owner = Ownership(database.replace("/ledger_", "/not_there_"))
    with pytest.raises(LedgerUnavailable):
        await owner.try_own(0)
    assert not owner.held(0)
