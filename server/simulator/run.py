"""One simulation: a bounded number of lines that carry calls, one after the other."""

import asyncio
import itertools
import time
from collections.abc import Iterator
from dataclasses import dataclass

from server.simulator.clock import Clock
from server.simulator.exchange import Exchange
from server.simulator.gateway import Gateway
from server.simulator.plan import CallPlan
from server.simulator.tally import Tally


@dataclass(frozen=True, slots=True)
class Size:
    """How much is simulated. `calls` may be bounded by `duration_s` of real time as well."""

    calls: int
    concurrency: int
    speed: float
    report_ms: int = 5_000
    duration_s: float | None = None


class Simulation:
    """Runs planned calls to their end; `hang_up` ends it early, with every call settled."""

    def __init__(
        self, exchange: Exchange, tally: Tally, size: Size, plans: Iterator[CallPlan]
    ) -> None:
        self.size, self.tally = size, tally
        self.done = 0
        self._clock = Clock(size.speed)
        self._stop = asyncio.Event()
        self._plans = itertools.islice(plans, size.calls)
        self._gateway = Gateway(
            exchange, self._clock, tally, report_ms=size.report_ms, stop=self._stop
        )
        self._starts_until = time.monotonic() + (size.duration_s or float("inf"))

    def hang_up(self) -> None:
        """Starts no further call; running ones end at their next step and are settled."""
        self._stop.set()

    async def run(self) -> None:
        """Returns when every call that was begun is settled and posted, or given up."""
        async with asyncio.TaskGroup() as lines:
            for number in range(min(self.size.concurrency, self.size.calls)):
                lines.create_task(self._carry_calls(number))

    async def _carry_calls(self, number: int) -> None:
        # Lines begin one after the other, so that their reports are spread over time.
        await self._clock.sleep_until(number * self.size.report_ms / self.size.concurrency)
        for plan in self._plans:
            if self._stop.is_set() or time.monotonic() > self._starts_until:
                return
            await self._gateway.carry(plan)
            self.done += 1
            if not self._stop.is_set():
                await self._clock.sleep_until(self._clock.now_ms() + plan.pause_ms)
