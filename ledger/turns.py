"""Long work in short turns, so that what runs beside it on the event loop waits little."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import TypeVar

Item = TypeVar("Item")

# About half a millisecond of what is done with an entry of an outbox.
TURN = 64


async def in_turns(items: Iterable[Item]) -> AsyncIterator[Item]:
    """The items, and after each few of them a turn of the loop for everybody else."""
    for place, item in enumerate(items, start=1):
        yield item
        if place % TURN == 0:
            await asyncio.sleep(0)
