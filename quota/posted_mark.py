"""How far the ledger has come with a shard's outbox, as its batches tell."""

import asyncio
from collections.abc import Callable

# Asked so often at first, and after so many times in vain ever less often.
POLL_S, LONGEST_POLL_S = 0.005, 0.25
PATIENT_LOOKS = 12


class PostedMark:
    """The last outbox number known to be in the ledger, and who waits for it to rise."""

    def __init__(self, look: Callable[[], None]) -> None:
        """`look` asks the shard for its numbers while somebody waits and no batch goes anyway."""
        self.n = 0
        self._look = look
        self._waiters: dict[asyncio.Future[bool], int] = {}
        self._poll: asyncio.TimerHandle | None = None
        self._in_vain = 0

    async def wait(self, n: int, timeout_s: float) -> bool:
        """Waits until outbox entry n is in the ledger; False when it is not within the time, or
        the shard was rebuilt meanwhile.
        """
        if self.n >= n:
            return True
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[bool] = loop.create_future()
        self._waiters[waiter] = n
        timer = loop.call_later(timeout_s, _answer, waiter, False)
        if self._poll is None:
            self._in_vain = 0
            self._poll = loop.call_later(POLL_S, self._ask)
        try:
            return await waiter
        finally:
            timer.cancel()
            del self._waiters[waiter]

    def reach(self, n: int) -> None:
        """Takes note of what a batch told."""
        if n > self.n:
            self._in_vain = 0
        self.n = n
        for waiter, wanted in self._waiters.items():
            if wanted <= n:
                _answer(waiter, True)

    def reset(self) -> None:
        """The shard was rebuilt: its numbers begin anew, so nobody's number comes any more."""
        self.n = 0
        for waiter in self._waiters:
            _answer(waiter, False)

    def _ask(self) -> None:
        self._poll = None
        if self._waiters:
            self._in_vain += 1
            pause_s = POLL_S * 2 ** max(0, min(self._in_vain - PATIENT_LOOKS, 6))
            self._poll = asyncio.get_running_loop().call_later(
                min(pause_s, LONGEST_POLL_S), self._ask
            )
            self._look()


def _answer(waiter: asyncio.Future[bool], posted: bool) -> None:
    if not waiter.done():
        waiter.set_result(posted)
