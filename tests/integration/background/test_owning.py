"""Ownership: a shard's background work is done by exactly one process."""

import asyncio

import pytest

from ledger.ownership import Ownership
from server.background import owning
from server.background.ending import end_tasks
from server.background.owning import ShardOwner
from tests.integration.api.installation import eventually


class Process:
    """One of several that would do the work of two shards."""

    def __init__(self, dsn: str) -> None:
        self.working: set[int] = set()
        self.owner = ShardOwner(Ownership(dsn), [[self._job(0)], [self._job(1)]])
        self.task: asyncio.Task[None] = asyncio.create_task(self.owner.run())

    def _job(self, shard: int) -> owning.Job:
        async def work() -> None:
            self.working.add(shard)
            try:
                await asyncio.Event().wait()
            finally:
                self.working.remove(shard)

        return work


async def test_each_shard_is_owned_by_exactly_one_and_taken_over_when_that_one_ends(
    postgres_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(owning, "TRY_EVERY_S", 0.02)
    first = Process(postgres_dsn)
    await eventually(lambda: works(first))
    second = Process(postgres_dsn)
    try:
        await asyncio.sleep(0.1)  # time to err
        assert (first.working, second.working) == ({0, 1}, set())
        await end_tasks([first.task])
        assert first.working == set()
        await eventually(lambda: works(second))
    finally:
        await end_tasks([first.task, second.task])


async def works(process: Process) -> bool:
    """Whether the process does the work of both shards."""
    return process.working == {0, 1}


async def test_a_job_that_died_is_started_again(
    postgres_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(owning, "TRY_EVERY_S", 0.02)
    starts = 0

    async def dies() -> None:
        nonlocal starts
        starts += 1
        if starts < 3:
            raise RuntimeError("a bug")
        await asyncio.Event().wait()

    async def started_three_times() -> bool:
        return starts == 3

    task = asyncio.create_task(ShardOwner(Ownership(postgres_dsn), [[dies]]).run())
    try:
        await eventually(started_three_times)
    finally:
        await end_tasks([task])
