"""When a batch is taken: as soon as the loop falls quiet, or enough waits."""

import asyncio
from collections.abc import Callable

# A smaller batch costs the store more for each operation.
WORTH_A_BATCH = 64
# The loop is quiet when this many turns brought nothing new; so many are waited for in all.
QUIET_TURNS, MOST_TURNS = 12, 256


def until_quiet(
    loop: asyncio.AbstractEventLoop, waiting: Callable[[], int]
) -> asyncio.Future[None]:
    """Lets those speak first whose requests are being read already: what one thread works off
    anyway then travels together. `waiting` tells how many operations wait.

    A turn of an idle loop takes microseconds, so a lone caller does not wait; one of a busy loop is
    a plain callback, which costs half of a task's step.
    """
    gathered = loop.create_future()
    seen, quiet, turns = -1, 0, 0

    def look() -> None:
        nonlocal seen, quiet, turns
        now = waiting()
        quiet = quiet + 1 if now == seen else 0
        seen, turns = now, turns + 1
        if quiet < QUIET_TURNS and turns < MOST_TURNS and now < WORTH_A_BATCH:
            loop.call_soon(look)
        elif not gathered.done():
            gathered.set_result(None)

    look()
    return gathered
