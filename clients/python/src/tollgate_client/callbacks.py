"""What an application wants to be called back for; each may be a function or a coroutine."""

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from tollgate_client.errors import OperationFailed

log = logging.getLogger("tollgate_client")

Result = Awaitable[object] | object


@dataclass(frozen=True, slots=True)
class Callbacks:
    """What to call when the service, or the end of the grant, tells a call something."""

    on_warn: Callable[[], Result] | None = None
    on_finish: Callable[[int], Result] | None = None
    on_continue: Callable[[], Result] | None = None
    on_hang_up: Callable[[], Result] | None = None
    on_failure: Callable[[OperationFailed], Result] | None = None


class Caller:
    """Calls back. What a callback raises is logged and hurts nobody else."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[None]] = set()

    def call(self, callback: Callable[..., Result] | None, *arguments: Any) -> None:
        """Calls; a coroutine runs beside everything else."""
        if callback is None:
            return
        try:
            result = callback(*arguments)
        except Exception:
            log.exception("a callback failed")
            return
        if inspect.isawaitable(result):
            task = asyncio.create_task(_awaited(result))
            self._running.add(task)
            task.add_done_callback(self._running.discard)

    async def close(self) -> None:
        """Cancels what still runs."""
        running = list(self._running)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def _awaited(result: Awaitable[object]) -> None:
    try:
        await result
    except Exception:
        log.exception("a callback failed")
