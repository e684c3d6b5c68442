"""The balance and the running calls as server-sent events: only what has changed is sent."""

import time
from collections.abc import AsyncGenerator
from contextlib import aclosing

from starlette.responses import Response

from server.console.live import beats, events, partial
from server.console.pages.overview.calls import SHOWN, look_at_calls
from server.console.visit import Visit
from tollgate.v1 import billing_pb2 as billing
from tollgate.v1 import history_pb2 as history

LOOK_EVERY_S = 1.0
# Looks at the calls take a tenth of the time at most, however many there are.
REST_PER_LOOK = 10
# Somebody who listens to the page is told so often, and not of every cent.
SAY_EVERY_S = 20.0


async def live(visit: Visit) -> Response:
    """Goes on until the page is closed or the session ends."""
    return await events(visit, _updates(visit))


async def _updates(visit: Visit) -> AsyncGenerator[str, None]:
    screen = _Screen(visit)
    request = history.WatchBalanceRequest(tenant_id=visit.tenant_id)
    watched = visit.stream("WatchBalance", request)
    async with aclosing(beats(visit, watched, LOOK_EVERY_S)) as seen:
        async for moved in seen:
            yield await screen.changes(moved is not None)


class _Screen:
    """What the browser shows, by the parts of the page."""

    def __init__(self, visit: Visit) -> None:
        self._visit = visit
        self._shown: dict[str, str] = {}
        self._look_at = self._say_at = 0.0

    async def changes(self, moved: bool) -> str:
        """The parts that are to be put anew; `moved` tells that the balance may differ."""
        parts: dict[str, str] = {}
        if moved:
            await self._look_at_balance(parts)
        if time.monotonic() >= self._look_at:
            await self._look_at_calls(parts)
        changed = [name for name in parts if self._shown.get(name) != parts[name]]
        self._shown |= parts
        return "".join(partial(name, parts[name]) for name in changed)

    async def _look_at_balance(self, parts: dict[str, str]) -> None:
        request = billing.GetBalanceRequest(tenant_id=self._visit.tenant_id)
        balance = await self._visit.ask("GetBalance", request)
        parts["balance"] = self._visit.render("overview/balance.html", balance=balance)
        if time.monotonic() >= self._say_at:
            self._say_at = time.monotonic() + SAY_EVERY_S
            parts["said"] = self._visit.render("overview/said.html", balance=balance)

    async def _look_at_calls(self, parts: dict[str, str]) -> None:
        began = time.monotonic()
        calls = await look_at_calls(self._visit)
        parts["calls"] = self._visit.render("overview/calls.html", calls=calls, most=SHOWN)
        now = time.monotonic()
        self._look_at = now + max(LOOK_EVERY_S, REST_PER_LOOK * (now - began))
