"""One call carried through the client library in real time, told line by line as it goes."""

import asyncio
import time
from collections.abc import Callable
from random import Random

from server.money import show
from server.simulator.library import (
    Bill,
    Call,
    Direction,
    Directive,
    Ending,
    OperationFailed,
    Refused,
    Tollgate,
    TollgateError,
)
from server.simulator.speech import Conversation, Model

REPORT_S = 2.0
LOOK_S = 0.1
QUIET_S = 10.0
ENDINGS = {
    Ending.HANG_UP: "told to hang up",
    Ending.LAST_GRANT_OVER: "the last grant is over: hanging up",
    Ending.SERVICE_AWAY: "nobody answers and the grant is over: hanging up",
}
Say = Callable[[str], None]


class NotCarried(Exception):
    """The call was refused or went wrong; the message says why."""


class SingleCall:
    """What one call is, and where it tells how it goes; amounts in `currency`."""

    def __init__(self, tenant_id: str, call_id: str, model: Model, currency: str, say: Say) -> None:
        self._names, self._model = (tenant_id, call_id, model.name), model
        self._currency, self._say = currency, say
        self._begun = 0.0
        self._told: tuple[Directive, int] | None = None
        self._told_at = 0.0

    async def carry(self, server: str, key: str, seconds: float, stop: asyncio.Event) -> Bill:
        """Talks until the time is over, the money is, or `stop` is set; the bill once it is posted.

        Raises NotCarried.
        """
        try:
            async with Tollgate(server, key=key, report_interval=REPORT_S) as tollgate:
                call = tollgate.call(*self._names, direction=Direction.INBOUND)
                async with call:
                    await self._talk(call, seconds, stop)
                return await call.posted()
        except Refused as refused:
            raise NotCarried(f"refused: {refused}") from None
        except (OperationFailed, TollgateError) as error:
            raise NotCarried(str(error)) from None

    async def _talk(self, call: Call, seconds: float, stop: asyncio.Event) -> None:
        call.answered()
        self._begun = time.monotonic()
        conversation = Conversation(self._model, Random().getrandbits(32))
        ending = asyncio.create_task(call.ended())
        try:
            while not (ending.done() or stop.is_set() or self._elapsed_s() >= seconds):
                call.total(**conversation.usage_at(round(self._elapsed_s() * 1000)))
                self._look(call)
                await asyncio.wait({ending}, timeout=LOOK_S)
            if ending.done():
                self._tell(ENDINGS.get(ending.result(), "it has ended"))
        finally:
            ending.cancel()

    def _look(self, call: Call) -> None:
        """Tells what changed: the directive, or a reservation that grew; else now and then."""
        grant = call.grant
        if grant is None:
            return
        now = (call.directive, grant.reserved_micros)
        before, self._told = self._told, now
        extended = before is not None and now[1] > before[1]
        due = time.monotonic() - self._told_at >= QUIET_S
        if before is None or now[0] is not before[0] or extended or due:
            held = f"{show(grant.reserved_micros, self._currency)} held"
            charged = f"charged {show(call.charged_micros, self._currency)}"
            left = f"enough for {grant.seconds_left} s"
            extension = "  ← extended" if extended else ""
            self._tell(f"{call.directive.name:<8}  {charged}, {held}, {left}{extension}")

    def _tell(self, text: str) -> None:
        self._told_at = time.monotonic()
        minutes, seconds = divmod(int(self._elapsed_s()), 60)
        self._say(f"{minutes}:{seconds:02d}  {text}")

    def _elapsed_s(self) -> float:
        return time.monotonic() - self._begun
