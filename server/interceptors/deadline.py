"""Gives every unary request an end."""

import asyncio
from typing import Any

from server.errors import DeadlineExceeded
from server.interceptors.chain import Behaviour, Context, Method


class Deadline:
    """The client's deadline within `max_s`, or `default_s` when it set none.

    gRPC itself ends a request at the client's deadline; only ours need a timer.
    """

    def __init__(self, default_s: float, max_s: float) -> None:
        self._default_s = default_s
        self._max_s = max_s

    def around(self, method: Method, proceed: Behaviour) -> Behaviour:
        """Bound unary methods; streams live as long as both sides like."""
        if method.streams:
            return proceed
        default_s, max_s = self._default_s, self._max_s

        async def bounded(request: Any, context: Context) -> Any:
            theirs_s = context.time_remaining()
            if theirs_s is not None and theirs_s <= max_s:
                return await proceed(request, context)
            ours_s = default_s if theirs_s is None else max_s
            try:
                async with asyncio.timeout(ours_s) as timer:
                    return await proceed(request, context)
            except TimeoutError as error:
                if timer.expired():
                    raise DeadlineExceeded from error
                raise

        return bounded
