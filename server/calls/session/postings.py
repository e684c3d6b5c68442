"""Settles of a stream that were answered ACCEPTED and are told POSTED when the ledger has them."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from quota.shard_line import ShardLine
from server.calls.conclusions import Settled
from tollgate.v1 import call_authorization_pb2 as pb

# Beyond so many the client learns it by repeating.
MAX_AWAITED = 100_000
WAIT_S = 5.0


class Awaited(NamedTuple):
    """One settle; `n` means something in its epoch only."""

    operation_id: int
    request: pb.SettleRequest
    settled: Settled
    epoch: str


class Postings:
    """Follows each shard's posted number while settles wait for it."""

    def __init__(self, tell: Callable[[Awaited], None]) -> None:
        self._tell = tell
        self._awaited: dict[int, deque[Awaited]] = {}
        self._followers: dict[int, asyncio.Task[None]] = {}

    def expect(
        self, line: ShardLine, operation_id: int, request: pb.SettleRequest, settled: Settled
    ) -> None:
        """Tells when the settle is posted. After a rebuild of the shard nothing is told: the
        client repeats.
        """
        awaited = self._awaited.setdefault(line.shard, deque())
        if len(awaited) >= MAX_AWAITED:
            return
        awaited.append(Awaited(operation_id, request, settled, line.epoch))
        if line.shard not in self._followers:
            self._followers[line.shard] = asyncio.create_task(self._follow(line, awaited))

    async def _follow(self, line: ShardLine, awaited: deque[Awaited]) -> None:
        try:
            while awaited:
                await line.posted.wait(awaited[0].settled.n, WAIT_S)
                while awaited and self._is_over(line, awaited[0]):
                    settle = awaited.popleft()
                    if settle.epoch == line.epoch:
                        self._tell(settle)
        finally:
            del self._followers[line.shard]

    @staticmethod
    def _is_over(line: ShardLine, settle: Awaited) -> bool:
        return settle.epoch != line.epoch or settle.settled.n <= line.posted_n

    async def settle_down(self, timeout_s: float) -> None:
        """Waits until nothing is awaited, or the time is over."""
        if self._followers:
            await asyncio.wait(list(self._followers.values()), timeout=timeout_s)

    @property
    def followers(self) -> list[asyncio.Task[None]]:
        """The tasks that follow the shards, to be ended with the stream."""
        return list(self._followers.values())
