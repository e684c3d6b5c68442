"""How often signing in may fail: per address and over all, within a window."""

import time
from collections.abc import Callable

from server.errors import Overloaded

WINDOW_S = 600.0
PER_ADDRESS = 10
OVERALL = 300
MAX_ADDRESSES = 10_000


class Attempts:
    """Counts failures. Above either limit nobody is asked for a key until the window is over."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._begun = clock()
        self._failed: dict[str, int] = {}
        self._overall = 0

    def require_room(self, address: str) -> None:
        """Raises Overloaded when too much has failed."""
        self._turn()
        if self._failed.get(address, 0) >= PER_ADDRESS or self._overall >= OVERALL:
            raise Overloaded(retry_ms=int((self._begun + WINDOW_S - self._clock()) * 1000))

    def failed(self, address: str) -> None:
        """Counts a failure."""
        self._turn()
        self._overall += 1
        if address in self._failed or len(self._failed) < MAX_ADDRESSES:
            self._failed[address] = self._failed.get(address, 0) + 1

    def _turn(self) -> None:
        if self._clock() >= self._begun + WINDOW_S:
            self._begun, self._overall = self._clock(), 0
            self._failed.clear()
