"""Sheds requests when too many are in flight: new calls first, running calls last."""

import random
from collections.abc import Callable, Mapping
from enum import IntEnum
from typing import Any

from server.errors import Overloaded
from server.interceptors.chain import Behaviour, Context, Method
from server.metrics import SHED

NEW_SHARE = 0.8
RETRY_MS = (100, 400)


class Priority(IntEnum):
    """What is shed first has the lowest number."""

    NEW = 0
    RUNNING = 1


def _authorize(request: Any) -> Priority:
    """An Authorize with usage re-opens a call that runs already."""
    return Priority.RUNNING if request.HasField("usage") else Priority.NEW


def _running(_request: Any) -> Priority:
    return Priority.RUNNING


def _new(_request: Any) -> Priority:
    return Priority.NEW


CALLS = "tollgate.v1.CallAuthorizationService/"
PRIORITIES: Mapping[str, Callable[[Any], Priority]] = {
    CALLS + "Authorize": _authorize,
    CALLS + "Charge": _running,
    CALLS + "Settle": _running,
    CALLS + "EndCall": _running,
}


class Limiter:
    """Counts what is in flight in this process. Everything above the limit is turned away."""

    def __init__(self, max_in_flight: int) -> None:
        self.in_flight = 0
        self._limits = (int(max_in_flight * NEW_SHARE), max_in_flight)

    def enter(self, priority: Priority) -> None:
        """Count one more, or raise Overloaded; `leave` follows once."""
        if self.in_flight >= self._limits[priority]:
            raise Overloaded(random.randint(*RETRY_MS))
        self.in_flight += 1

    def leave(self, count: int = 1) -> None:
        """Count less."""
        self.in_flight -= count


class Overload:
    """Keeps unary methods within the limiter. Open services and streams are not counted."""

    def __init__(self, limiter: Limiter) -> None:
        self._limiter = limiter

    def around(self, method: Method, proceed: Behaviour) -> Behaviour:
        """Shed by the method's priority; a method that is not listed counts as new work."""
        if method.streams or not method.service.startswith("tollgate."):
            return proceed
        limiter, priority_of = self._limiter, PRIORITIES.get(method.name, _new)
        shed = SHED.labels(method.name)

        async def limited(request: Any, context: Context) -> Any:
            try:
                limiter.enter(priority_of(request))
            except Overloaded:
                shed.inc()
                raise
            try:
                return await proceed(request, context)
            finally:
                limiter.leave()

        return limited
