"""How the installation is doing, read from its parts; works while stores are away."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from typing import NamedTuple

from google.protobuf.timestamp_pb2 import Timestamp
from redis.exceptions import RedisError

from ledger.errors import LedgerError
from ledger.notifications.queue import NotificationQueue
from quota.errors import QuotaError
from quota.store import ShardReader
from server.metrics import decision_counts
from server.tallies import write_tallies
from tollgate.v1 import state_pb2 as pb

Health = Callable[[], Awaitable[dict[str, bool]]]
READ_TIMEOUT_S = 1.0


class Facts(NamedTuple):
    """What does not change while the server runs."""

    commit: str
    workers: int
    metrics_dir: str | None
    started_at: datetime


class StateDesk:
    """Answers how the installation is doing."""

    def __init__(
        self,
        facts: Facts,
        health: Health,
        readers: Sequence[ShardReader],
        queue: NotificationQueue,
    ) -> None:
        self._facts, self._health = facts, health
        self._readers, self._queue = readers, queue

    async def get(self, _request: pb.GetServiceStateRequest) -> pb.GetServiceStateResponse:
        """Everything, each part within a second."""
        health, shards, channels, decisions = await asyncio.gather(
            self._health(), self._shards(), self._channels(), self._decisions()
        )
        return pb.GetServiceStateResponse(
            version=version("tollgate"),
            commit=self._facts.commit,
            workers=self._facts.workers,
            started_at=_stamp(self._facts.started_at),
            stores=[pb.StoreState(store=name, answers=well) for name, well in health.items()],
            shards=shards,
            channels=channels,
            decisions=decisions,
        )

    async def _shards(self) -> Sequence[pb.ShardState]:
        try:
            async with asyncio.timeout(READ_TIMEOUT_S):
                return [await _shard(reader) for reader in self._readers]
        except (QuotaError, RedisError, OSError):  # a timeout is an OSError
            return []

    async def _channels(self) -> Sequence[pb.ChannelState]:
        try:
            async with asyncio.timeout(READ_TIMEOUT_S):
                waiting, dead = await self._queue.depth(), await self._queue.dead_count()
        except (LedgerError, OSError):
            return []
        return [
            pb.ChannelState(channel=channel.value, waiting=count, dead=dead[channel])
            for channel, count in waiting.items()
        ]

    async def _decisions(self) -> pb.DecisionCounts:
        write_tallies()
        accepted, refused = await asyncio.to_thread(decision_counts, self._facts.metrics_dir)
        counted_at = _stamp(datetime.now(UTC))
        return pb.DecisionCounts(accepted=accepted, refused=refused, counted_at=counted_at)


async def _shard(reader: ShardReader) -> pb.ShardState:
    state = await reader.state()
    return pb.ShardState(
        shard=reader.shard,
        epoch=int(state.epoch or 0),
        outbox_depth=state.last_n - state.posted_n,
        last_n=state.last_n,
    )


def _stamp(moment: datetime) -> Timestamp:
    stamp = Timestamp()
    stamp.FromDatetime(moment)
    return stamp
