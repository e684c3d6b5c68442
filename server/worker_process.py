"""One worker as the supervisor sees it: started, told ready, started again when it dies."""

import asyncio
import contextlib
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Mapping

import structlog

# What a worker says over its lifeline once it takes requests.
READY = b"ready\n"
READY_S = 30.0
FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 10.0
# A worker that ran for so long starts again without a pause.
SETTLED_S = 30.0
KILL_AFTER_S = 5.0

log = structlog.get_logger(__name__)


class WorkerFailed(Exception):
    """A worker did not become ready; its own log says why."""


class WorkerProcess:
    """Runs `python -m server.worker` with the given environment."""

    def __init__(
        self, index: int, environment: Mapping[str, str], died: Callable[[int], None]
    ) -> None:
        self.index = index
        self._environment = dict(environment)
        self._died = died
        self._process: asyncio.subprocess.Process | None = None
        self._lifeline: socket.socket | None = None

    @property
    def pid(self) -> int | None:
        """The worker's process id while it runs."""
        return self._process.pid if self._process is not None else None

    async def start(self) -> None:
        """Start the worker and wait until it takes requests. Raises WorkerFailed."""
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "server.worker"),
                *("--index", str(self.index), "--lifeline", str(theirs.fileno())),
                stdin=asyncio.subprocess.DEVNULL,
                env=self._environment,
                pass_fds=(theirs.fileno(),),
                # Ctrl-C in the terminal is for the supervisor, which forwards it.
                start_new_session=True,
            )
        ours.setblocking(False)
        self._lifeline = ours
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(READY_S):
                told = await loop.sock_recv(ours, len(READY))
        except (TimeoutError, OSError):
            told = b""
        if told != READY:
            await self.stop(0)
            raise WorkerFailed(f"worker {self.index} did not start; its log says why")

    async def keep(self) -> None:
        """Start the worker again whenever it dies, with growing pauses."""
        pause_s = FIRST_PAUSE_S
        while True:
            assert self._process is not None
            started, pid = time.monotonic(), self._process.pid
            status = await self._process.wait()
            self._died(pid)
            log.error("worker died", worker=self.index, pid=pid, status=status)
            if time.monotonic() - started > SETTLED_S:
                pause_s = FIRST_PAUSE_S
            while True:
                await asyncio.sleep(pause_s)
                pause_s = min(pause_s * 2, LONGEST_PAUSE_S)
                with contextlib.suppress(WorkerFailed):
                    await self.start()
                    break

    async def stop(self, drain_s: float) -> None:
        """Let the worker drain, then end it by force."""
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(drain_s + KILL_AFTER_S):
                await process.wait()
        except TimeoutError:
            self.kill(process.pid)
            await process.wait()
        if self._lifeline is not None:
            self._lifeline.close()

    def kill(self, pid: int | None = None) -> None:
        """End the worker by force."""
        pid = pid or self.pid
        if pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
