"""Ending background tasks: a cancellation that a library swallows must not hold up the end."""

import asyncio
from collections.abc import Collection
from typing import Any

ASK_AGAIN_S = 1.0


async def end_tasks(tasks: Collection[asyncio.Task[Any]]) -> None:
    """Cancels tasks until all are done. A time-out that falls together with a cancellation can
    swallow it, so it is asked for again every second. What a task died of is not raised.
    """
    while pending := [task for task in tasks if not task.done()]:
        for task in pending:
            task.cancel()
        await asyncio.wait(pending, timeout=ASK_AGAIN_S)
