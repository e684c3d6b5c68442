"""Who does a shard's background work: the one process in the installation that owns the shard."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

import structlog

from ledger.errors import LedgerError
from ledger.ownership import Ownership
from server.background.ending import end_tasks
from server.metrics import ALARMS

TRY_EVERY_S = 2.0

log = structlog.get_logger(__name__)

Job = Callable[[], Awaitable[None]]


class ShardOwner:
    """Runs the jobs of every shard that this process owns, for as long as it owns it."""

    def __init__(self, ownership: Ownership, jobs: Sequence[Sequence[Job]]) -> None:
        """`jobs[shard]` run for ever; they are cancelled when the ownership is lost."""
        self._ownership, self._jobs = ownership, jobs
        self._running: dict[int, list[asyncio.Task[None]]] = {}

    async def run(self) -> None:
        """Tries to own what nobody owns, for ever."""
        try:
            while True:
                for shard in range(len(self._jobs)):
                    await self._look_after(shard)
                await asyncio.sleep(TRY_EVERY_S)
        finally:
            for shard in list(self._running):
                await self._stop(shard)
            with suppress(LedgerError):
                await self._ownership.release()

    async def _look_after(self, shard: int) -> None:
        if shard in self._running and not self._ownership.held(shard):
            log.warning("ownership is lost", shard=shard)
            await self._stop(shard)
        if shard in self._running:
            self._restart_dead(shard)
            return
        try:
            owned = await self._ownership.try_own(shard)
        except LedgerError as error:
            log.warning("ownership waits", shard=shard, why=type(error).__name__)
            return
        if owned:
            log.info("shard is owned", shard=shard)
            self._running[shard] = [_start(job) for job in self._jobs[shard]]

    def _restart_dead(self, shard: int) -> None:
        """A job ends only by a bug: say so and start it again, or money would wait unposted."""
        tasks = self._running[shard]
        for position, task in enumerate(tasks):
            if task.done():
                error = None if task.cancelled() else task.exception()
                log.error("background job died", shard=shard, exc_info=error)
                ALARMS.labels("job_died").inc()
                tasks[position] = _start(self._jobs[shard][position])

    async def _stop(self, shard: int) -> None:
        await end_tasks(self._running.pop(shard))


def _start(job: Job) -> asyncio.Task[None]:
    async def run() -> None:
        await job()

    return asyncio.create_task(run())
