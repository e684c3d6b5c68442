"""The shard keeper: notices that Redis lost a shard or went back, and rebuilds it from the ledger.

The ledger remembers epoch and last posted outbox number of every shard. A shard that has another
epoch, or a lower number, or was torn between two writes, is not believed.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

import structlog

from ledger.errors import LedgerError
from ledger.shards import Mark, Shards
from quota.errors import StoreUnavailable
from quota.shard_state import ShardState
from quota.store import ShardReader
from server.metrics import ALARMS, REBUILDS

FRESH = Mark(epoch=1, n=0)

log = structlog.get_logger(__name__)

Drain = Callable[[int, int], Awaitable[None]]


class _RebuiltMeanwhile(Exception):
    """Another process has rebuilt the shard while this one waited for the lock."""


class ShardKeeper:
    """Admits a shard when it is whole; otherwise wipes it under the next epoch."""

    def __init__(self, shards: Shards, readers: Sequence[ShardReader]) -> None:
        self._shards, self._readers = shards, readers
        self._drain: Drain | None = None
        # How often a server's new run was found whole: it may still have forgotten changes that
        # the ledger believes applied.
        self.admitted_runs = 0

    def drain_with(self, drain: Drain) -> None:
        """Names what posts the outbox of a torn shard, after a number, before it is wiped."""
        self._drain = drain

    async def admit(self, shard: int, state: ShardState) -> str:
        """The epoch under which the shard may be used. Raises StoreUnavailable."""
        try:
            mark = await self._shards.admit(shard)
            if _fits(state, mark):
                self.admitted_runs += 1
                return state.epoch
            _tell(shard, state, mark)
            if state.torn and _fits(replace(state, torn=False), mark) and self._drain is not None:
                await self._drain(shard, mark.n)
            return await self._rebuild(shard)
        except LedgerError as error:
            raise StoreUnavailable(
                f"whether shard {shard} is whole cannot be known: the ledger does not answer"
            ) from error

    async def _rebuild(self, shard: int) -> str:
        reader = self._readers[shard]
        try:
            async with self._shards.rebuild(shard) as rebuild:
                state = await reader.state()
                if _fits(state, rebuild.mark):
                    raise _RebuiltMeanwhile
                epoch = str(rebuild.next_epoch)
                await reader.wipe(epoch)
        except _RebuiltMeanwhile:
            return state.epoch
        REBUILDS.inc()
        return epoch


def _tell(shard: int, state: ShardState, mark: Mark) -> None:
    if not state.epoch and mark == FRESH:
        log.info("shard is new", shard=shard)
        return
    ALARMS.labels("shard_lost").inc()
    log.error(
        "the live store lost a shard or went back; it is rebuilt from the ledger",
        shard=shard,
        stored_epoch=state.epoch,
        ledger_epoch=mark.epoch,
        stored_n=state.last_n,
        ledger_n=mark.n,
        torn=state.torn,
    )


def _fits(state: ShardState, mark: Mark) -> bool:
    return state.epoch == str(mark.epoch) and state.last_n >= mark.n and not state.torn
