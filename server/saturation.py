"""Tells how busy the process is: requests in flight, and how late the event loop runs."""

import asyncio
from collections.abc import Callable

from server.metrics import IN_FLIGHT, LOOP_LAG

PROBES = 10
PROBE_S = 0.1


async def watch(in_flight: Callable[[], int]) -> None:
    """Publish both once a second, for ever."""
    loop = asyncio.get_running_loop()
    while True:
        lag_s = 0.0
        for _ in range(PROBES):
            due = loop.time() + PROBE_S
            await asyncio.sleep(PROBE_S)
            lag_s = max(lag_s, loop.time() - due)
        LOOP_LAG.set(lag_s)
        IN_FLIGHT.set(in_flight())
