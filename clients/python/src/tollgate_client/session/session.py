"""Keeps one stream open as long as it runs, and carries everyone's operations over it."""

import asyncio
import itertools
import logging
import time
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from types import TracebackType
from typing import Self

from tollgate.v1 import call_authorization_pb2 as pb
from tollgate_client.backoff import Backoff
from tollgate_client.errors import NotAnswered, OperationFailed
from tollgate_client.session.asker import Asker, Listener
from tollgate_client.session.ended import Ended
from tollgate_client.session.line import Line
from tollgate_client.session.place import Place

FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 5.0
# A key that is not known is not likely to be known a moment later.
REFUSED_PAUSE_S = 30.0
# A stream that answered for so long was a good one: after it the pauses begin anew.
STEADY_S = 5.0
WATCH_S = 1.0
# How long a stream that was left may still answer what it carries.
FINISH_PATIENCE_S = 5.0

log = logging.getLogger("tollgate_client")


class Session:
    """One stream at a time, as a block; another one when it ends or the service says RECONNECT.

    What a stream did not answer is told to who asked; nothing is asked again by itself here.
    """

    def __init__(self, place: Place, listener: Listener) -> None:
        self._place, self._listener = place, listener
        self._line: Line | None = None
        self._ready: deque[Asker] = deque()
        self._numbers = itertools.count(1)
        self._wake = asyncio.Event()
        self._leave = asyncio.Event()
        self._backoff = Backoff(FIRST_PAUSE_S, LONGEST_PAUSE_S)
        self._tasks: list[asyncio.Task[None]] = []
        self._finishing: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._tasks = [asyncio.create_task(self._keep()), asyncio.create_task(self._write())]
        return self

    async def __aexit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        tasks = [*self._tasks, *self._finishing]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def submit(self, asker: Asker) -> bool:
        """Lets it ask as soon as there is room; False when there is no stream now.

        Whoever was submitted is either answered or dropped before it may be submitted again.
        """
        if self._line is None:
            return False
        self._ready.append(asker)
        self._wake.set()
        return True

    # Writing

    async def _write(self) -> None:
        while True:
            await self._wake.wait()
            await asyncio.sleep(0)  # what is submitted in the same turn travels together
            self._wake.clear()
            while self._ready and (line := self._line) is not None and line.has_room:
                await line.send(self._taken())

    def _taken(self) -> Iterator[Asker]:
        while self._ready:
            yield self._ready.popleft()

    # Keeping a stream open

    async def _keep(self) -> None:
        while True:
            line = self._line = Line(self._place, self._numbers, self._pushed, self._wake.set)
            self._leave.clear()
            self._listener.opened()
            self._wake.set()
            reading = asyncio.create_task(line.run())
            try:
                await self._until_left_or_ended(line, reading)
                if reading.done():
                    await self._after(line, reading.result())
                else:
                    await self._pause(line)
            except asyncio.CancelledError:
                await _end(reading)
                raise
            if self._line is line:
                self._finish(line, reading)

    async def _until_left_or_ended(self, line: Line, reading: asyncio.Task[Ended]) -> None:
        leaving = asyncio.create_task(self._leave.wait())
        try:
            while not (reading.done() or leaving.done()):
                await asyncio.wait(
                    {reading, leaving}, timeout=WATCH_S, return_when=asyncio.FIRST_COMPLETED
                )
                if line.stalled(time.monotonic()):
                    line.cut()
                    await asyncio.wait({reading})
        finally:
            leaving.cancel()

    async def _after(self, line: Line, ended: Ended) -> None:
        """A stream ended: its operations are dropped, and after a pause comes the next one."""
        error = ended.error
        log.info("the stream ended: %s", error)
        self._line = None
        unsent, self._ready = self._ready, deque()
        line.abandon(error)
        for asker in unsent:
            asker.drop(error)
        self._listener.ended(error)
        if isinstance(error, OperationFailed):
            log.warning("the service does not take the stream: %s", error)
            await asyncio.sleep(max(REFUSED_PAUSE_S, ended.retry_s))
        else:
            await self._pause(line, ended.retry_s)

    async def _pause(self, line: Line, at_least_s: float = 0.0) -> None:
        answered = line.first_answer
        if answered is not None and time.monotonic() - answered > STEADY_S:
            self._backoff.reset()
        await asyncio.sleep(self._backoff.pause_s(at_least_s))

    def _pushed(self, line: Line, push: pb.Push) -> None:
        if push.directive == pb.DIRECTIVE_RECONNECT:
            if line is self._line:
                self._leave.set()
        else:
            self._listener.pushed(push)

    # Leaving a stream that still answers

    def _finish(self, line: Line, reading: asyncio.Task[Ended]) -> None:
        task = asyncio.create_task(self._finished(line, reading))
        self._finishing.add(task)
        task.add_done_callback(self._finishing.discard)

    async def _finished(self, line: Line, reading: asyncio.Task[Ended]) -> None:
        ends = time.monotonic() + FINISH_PATIENCE_S
        while not (reading.done() or line.idle) and time.monotonic() < ends:
            await asyncio.wait({reading}, timeout=0.05)
        await _end(reading)
        line.abandon(NotAnswered("the stream was left"))


async def _end(reading: asyncio.Task[Ended]) -> None:
    reading.cancel()
    with suppress(asyncio.CancelledError):
        await reading
