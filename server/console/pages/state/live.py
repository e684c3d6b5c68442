"""The state as server-sent events, for as long as somebody looks."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

from starlette.responses import Response

from server.console.live import beats, events, partial
from server.console.pages.state.pace import PaceMeter
from server.console.pages.state.show import look, part
from server.console.visit import Visit

LOOK_EVERY_S = 2.0


async def live(visit: Visit) -> Response:
    """Goes on until the page is closed or the session ends."""
    return await events(visit, _updates(visit))


async def _updates(visit: Visit) -> AsyncGenerator[str, None]:
    shown = ""
    async with aclosing(beats(visit, _looks(visit), LOOK_EVERY_S)) as looks:
        async for markup in looks:
            yield partial("now", markup) if markup and markup != shown else ""
            shown = markup or shown


async def _looks(visit: Visit) -> AsyncGenerator[str, None]:
    meter = PaceMeter()
    while True:
        yield part(visit, await look(visit, meter), meter)
        await asyncio.sleep(LOOK_EVERY_S)
