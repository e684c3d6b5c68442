"""The simulated gateway's clock, which may run faster than the wall clock."""

import asyncio
import time


class Clock:
    """Counts milliseconds since it was made; `speed` of them pass in one real millisecond."""

    def __init__(self, speed: float) -> None:
        self._speed = speed
        self._begun = time.monotonic()

    def now_ms(self) -> int:
        """Milliseconds of simulated time."""
        return int((time.monotonic() - self._begun) * 1000 * self._speed)

    async def sleep_until(self, moment_ms: float) -> None:
        """Returns once `moment_ms` has come; at once when it is past."""
        left_ms = moment_ms - self.now_ms()
        while left_ms > 0:  # the loop may wake a little early
            await asyncio.sleep(left_ms / 1000 / self._speed)
            left_ms = moment_ms - self.now_ms()
