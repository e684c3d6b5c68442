"""All calls of a client: each comes up when it is due, and asks over the one session."""

import asyncio
import math
import time

from tollgate.v1 import call_authorization_pb2 as pb
from tollgate_client.agenda import Agenda
from tollgate_client.call import Call
from tollgate_client.callbacks import Caller
from tollgate_client.errors import Closed, OperationFailed, TollgateError, TooManyCalls
from tollgate_client.session.place import Place
from tollgate_client.session.session import Session

# Calls that are carried, or not yet posted.
MAX_CALLS = 100_000
# What comes up within so long of each other travels together.
TURN_S = 0.01


class CallDesk:
    """Carries calls, as a block; on leaving it nothing more is asked."""

    def __init__(self, place: Place) -> None:
        self.caller = Caller()
        self._session = Session(place, self)
        self._calls: dict[tuple[str, str], Call] = {}
        self._agenda: Agenda[Call] = Agenda()
        self._timer: asyncio.TimerHandle | None = None
        self._armed_for = math.inf
        self._trouble: OperationFailed | None = None
        self._closing = False
        self._empty = asyncio.Event()
        self._empty.set()

    @property
    def unconfirmed(self) -> list[tuple[str, str]]:
        """The calls that are not over, by tenant and call id."""
        return list(self._calls)

    async def open(self) -> None:
        """Begins to connect."""
        await self._session.__aenter__()

    async def until_empty(self) -> None:
        """Takes no further call, and waits until all are over."""
        self._closing = True
        await self._empty.wait()

    async def close(self) -> None:
        """Ends at once; calls that are not over are told."""
        self._closing = True
        if self._timer is not None:
            self._timer.cancel()
        await self._session.__aexit__(None, None, None)
        for call in self._calls.values():
            call.close()
        await self.caller.close()

    def admit(self, call: Call) -> None:
        """Takes up a call."""
        if self._closing:
            raise Closed("the client is closed")
        if self._trouble is not None:
            raise self._trouble.with_traceback(None)
        if call.key in self._calls:
            raise ValueError("this client carries a call of this id already")
        if len(self._calls) >= MAX_CALLS:
            raise TooManyCalls(f"{MAX_CALLS} calls are carried or not yet posted")
        self._calls[call.key] = call
        self._empty.clear()
        self.follow(call)

    def follow(self, call: Call) -> None:
        """Submits the call when it wants to ask, and notes when it comes up next."""
        if call.is_over:
            self._forget(call)
            return
        asks = True
        if call.wants(time.monotonic()):
            call.submitted = asks = self._session.submit(call)
        moment = call.moment(asks=asks)
        if moment < math.inf:
            self._agenda.put(call, moment)
            self._arm()

    # What the session tells

    def opened(self) -> None:
        """Everything that is not confirmed is asked again."""
        self._trouble = None
        now = time.monotonic()
        for call in list(self._calls.values()):
            call.renew(now)
            self.follow(call)

    def pushed(self, push: pb.Push) -> None:
        """Hands it to its call."""
        call = self._calls.get((push.tenant_id, push.call_id))
        if call is not None:
            call.push(push.directive, time.monotonic())
            self.follow(call)

    def ended(self, error: TollgateError) -> None:
        """What will not pass by itself is told to all calls."""
        if isinstance(error, OperationFailed):
            self._trouble = error
            for call in list(self._calls.values()):
                call.lock_out(error)
                self.follow(call)

    def _forget(self, call: Call) -> None:
        self._agenda.drop(call)
        if self._calls.get(call.key) is call:
            del self._calls[call.key]
        if not self._calls:
            self._empty.set()

    # The one timer

    def _arm(self) -> None:
        moment = self._agenda.next
        if self._timer is not None:
            if self._armed_for <= moment:
                return
            self._timer.cancel()
        self._armed_for = moment
        delay_s = max(moment - time.monotonic(), TURN_S)
        self._timer = asyncio.get_running_loop().call_later(delay_s, self._come_up)

    def _come_up(self) -> None:
        self._timer = None
        now = time.monotonic()
        for call in self._agenda.due(now):
            call.tick(now)
            self.follow(call)
        if self._agenda.next < math.inf:
            self._arm()
