"""The sweeper of a shard: expires silent calls, closes expired ones, forgets settled ones.

Expiry pauses for one lease and grace when the store's clock jumps ahead or the store was away for
longer than the grace: gateways could not renew what seems overdue then.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable

import structlog

from quota.batch import Simple
from quota.decision import SweepDeed
from quota.errors import QuotaError
from quota.operation import Sweep
from quota.store import QuotaStore, ShardReader
from server.metrics import ALARMS, SWEPT

TICK_S = 1.0
PORTION = 500
MAX_PORTIONS = 20
JUMP_MS = 60_000
# Ticks that are this late were not held up by a store.
PUNCTUAL_MS = 3_000

log = structlog.get_logger(__name__)


class Sweeper:
    """Looks at due lease entries once a second. `clock` is monotonic, in seconds."""

    def __init__(
        self,
        shard: int,
        store: QuotaStore,
        reader: ShardReader,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._shard, self._store, self._reader, self._clock = shard, store, reader, clock
        self._last: tuple[int, float] | None = None
        self._paused_until = 0.0

    async def run(self) -> None:
        """Sweeps for ever; waits out a store that is away."""
        while True:
            await asyncio.sleep(TICK_S)
            try:
                await self.tick()
            except QuotaError as error:
                log.warning("sweep waits", shard=self._shard, why=str(error)[:200])

    async def tick(self) -> Counter[SweepDeed]:
        """One sweep; returns how often what was done. Nothing while expiry is paused."""
        now_ms, clock_s = await self._reader.now_ms(), self._clock()
        self._pause_if_time_is_odd(now_ms, clock_s)
        self._last = (now_ms, clock_s)
        if clock_s < self._paused_until:
            return Counter()
        return await self._sweep(now_ms)

    @property
    def paused_s(self) -> float:
        """For how long expiry is still paused; 0 when it is not."""
        return max(0.0, self._paused_until - self._clock())

    def _pause_if_time_is_odd(self, now_ms: int, clock_s: float) -> None:
        if self._last is None:
            return
        last_ms, last_s = self._last
        passed_ms = (clock_s - last_s) * 1000
        timing = self._store.timing
        jumped = now_ms - last_ms - passed_ms > JUMP_MS
        if jumped or passed_ms > max(timing.grace_ms, PUNCTUAL_MS):
            self._paused_until = clock_s + (timing.lease_ms + timing.grace_ms) / 1000
            ALARMS.labels("clock_jump" if jumped else "store_absence").inc()
            log.error("expiry pauses", shard=self._shard, jumped=jumped, seconds=self.paused_s)

    async def _sweep(self, now_ms: int) -> Counter[SweepDeed]:
        deeds: Counter[SweepDeed] = Counter()
        line = self._store.line(self._shard)
        for _ in range(MAX_PORTIONS):
            due = await self._reader.due_leases(now_ms, PORTION)
            answers = [line.submit(Sweep(tenant, member)) for tenant, member in due]
            for answer in answers:
                result = await answer
                if isinstance(result, Simple):
                    deeds[SweepDeed(result.number)] += 1
                else:
                    ALARMS.labels("sweep_refused").inc()
            if len(due) < PORTION:
                break
        for deed, count in deeds.items():
            SWEPT.labels(deed.name.lower()).inc(count)
        return deeds
