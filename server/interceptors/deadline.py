"""Gives every unary request an end."""

import asyncio
from typing import Any

from server.errors import DeadlineExceeded
from server.interceptors.chain import Behaviour, Context, Method

TICK_S = 0.01


class Deadline:
    """The client's deadline within `max_s`, or `default_s` when it set none.

    gRPC itself ends a request at the client's deadline; only ours need a timer.
    """

    def __init__(self, default_s: float, max_s: float) -> None:
        self._default_s = default_s
        self._max_s = max_s
        self._clock = _Clock()

    def around(self, method: Method, proceed: Behaviour) -> Behaviour:
        """Bound unary methods; streams live as long as both sides like."""
        if method.streams:
            return proceed
        default_s, max_s, clock = self._default_s, self._max_s, self._clock

        async def bounded(request: Any, context: Context) -> Any:
            theirs_s = context.time_remaining()
            if theirs_s is not None and theirs_s <= max_s:
                return await proceed(request, context)
            task = clock.start(default_s if theirs_s is None else max_s)
            try:
                return await proceed(request, context)
            except asyncio.CancelledError as error:
                if clock.rang(task):
                    raise DeadlineExceeded from error
                raise
            finally:
                clock.stop(task)

        return bounded


class _Clock:
    """Cancels tasks whose time is over. One timer looks at all of them: a timer for each costs
    more than everything else that is done about a request.
    """

    def __init__(self) -> None:
        self._ends_at: dict[asyncio.Task[Any], float] = {}
        self._rung: set[asyncio.Task[Any]] = set()
        self._ticking = False

    def start(self, seconds: float) -> asyncio.Task[Any]:
        """Begins the time of the current task."""
        task, loop = asyncio.current_task(), asyncio.get_running_loop()
        assert task is not None
        self._ends_at[task] = loop.time() + seconds
        if not self._ticking:
            self._ticking = True
            loop.call_later(TICK_S, self._look, loop)
        return task

    def rang(self, task: asyncio.Task[Any]) -> bool:
        """Whether it was the clock, and nobody else, that cancelled the task."""
        return task in self._rung and task.uncancel() == 0

    def stop(self, task: asyncio.Task[Any]) -> None:
        """The task has ended in time, or at its end."""
        self._ends_at.pop(task, None)
        self._rung.discard(task)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        for task in [each for each, ends_at in self._ends_at.items() if ends_at <= now]:
            del self._ends_at[task]
            self._rung.add(task)
            task.cancel()
        self._ticking = bool(self._ends_at)
        if self._ticking:
            loop.call_later(TICK_S, self._look, loop)
