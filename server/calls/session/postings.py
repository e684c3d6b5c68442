"""Settles of a stream that were answered ACCEPTED and are told POSTED when the ledger has them."""

import asyncio
from collections.abc import Callable
from typing import NamedTuple

from quota.shard_line import ShardLine
from quota.store import Posting
from server.calls.conclusions import Settled
from server.calls.questions import CallKey, key_of
from tollgate.v1 import call_authorization_pb2 as pb

# Beyond so many the client learns it by repeating.
MAX_AWAITED = 100_000
WAIT_S = 5.0


class Awaited(NamedTuple):
    """One settle, and the outbox entry that it waits for."""

    operation_id: int
    request: pb.SettleRequest
    settled: Settled
    posting: Posting


class Postings:
    """Follows each shard's posted number while settles wait for it."""

    def __init__(self, tell: Callable[[Awaited], None]) -> None:
        self._tell = tell
        # By shard and call: of a settle that is repeated only the last is answered again.
        self._awaited: dict[int, dict[CallKey, Awaited]] = {}
        self._followers: dict[int, asyncio.Task[None]] = {}

    def expect(
        self, line: ShardLine, operation_id: int, request: pb.SettleRequest, settled: Settled
    ) -> None:
        """Tells when the settle is posted. After a rebuild of the shard nothing is told: the
        client repeats.
        """
        assert settled.awaited is not None
        awaited, call = self._awaited.setdefault(line.shard, {}), key_of(request)
        if len(awaited) >= MAX_AWAITED and call not in awaited:
            return
        awaited[call] = Awaited(operation_id, request, settled, settled.awaited)
        if line.shard not in self._followers:
            self._followers[line.shard] = asyncio.create_task(self._follow(line, awaited))

    async def _follow(self, line: ShardLine, awaited: dict[CallKey, Awaited]) -> None:
        try:
            while awaited:
                first = next(iter(awaited.values()))
                if first.posting.epoch == line.epoch:
                    await line.posted.wait(first.posting.n, WAIT_S)
                for call, settle in list(awaited.items()):
                    if not _is_over(line, settle.posting):
                        break
                    del awaited[call]
                    if settle.posting.epoch == line.epoch:
                        self._tell(settle)
        finally:
            del self._followers[line.shard]

    async def settle_down(self, timeout_s: float) -> None:
        """Waits until nothing is awaited, or the time is over."""
        if self._followers:
            await asyncio.wait(list(self._followers.values()), timeout=timeout_s)

    def close(self) -> list[asyncio.Task[None]]:
        """Forgets what is awaited, and who is told of it. Returns the tasks that follow the shards,
        to be ended with the stream.
        """
        self._tell = _nobody
        for awaited in self._awaited.values():
            awaited.clear()
        return list(self._followers.values())


def _nobody(settle: Awaited) -> None:
    """Is told of the postings of a stream that has ended."""


def _is_over(line: ShardLine, posting: Posting) -> bool:
    return posting.epoch != line.epoch or posting.n <= line.posted_n
