"""One store as a child process, and what a former run may have left of it."""

import asyncio
import contextlib
import fcntl
import os
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

STOP_S = 20.0
POLL_S = 0.01
LOG_TAIL_BYTES = 2000


class StoreFailed(Exception):
    """A store did not start or went away; the message holds the end of its log."""


class Account(NamedTuple):
    """The user a child runs as, when that is not our own."""

    uid: int
    gid: int


class StoreProcess:
    """Starts, watches and stops one child.

    The child inherits a locked file that holds its process id. So a lock that is still taken when
    no server runs proves that a child of a former run lives, and the id beside it is its own: that
    process is stopped before a new one starts on the same data.
    """

    def __init__(
        self,
        name: str,
        directory: Path,
        stop_signal: signal.Signals,
        account: Account | None = None,
    ) -> None:
        self.name = name
        self.log_path = directory / f"{name}.log"
        self._pid_path = directory / f"{name}.pid"
        self._stop_signal = stop_signal
        self._account = account
        self._child: subprocess.Popen[bytes] | None = None
        self._mark = -1

    @property
    def pid(self) -> int | None:
        """The child's process id while it is ours."""
        return self._child.pid if self._child is not None else None

    async def claim(self) -> None:
        """Stop what a former run left; afterwards nothing else runs on the data."""
        await self.stop()
        self._mark = os.open(self._pid_path, os.O_RDWR | os.O_CREAT, 0o600)
        deadline = time.monotonic() + STOP_S
        await self._take_lock(self._stop_signal, deadline)
        if not _try_lock(self._mark):
            await self._take_lock(signal.SIGKILL, deadline + STOP_S)
        if not _try_lock(self._mark):
            raise StoreFailed(f"{self.name} of a former run does not end; see {self._pid_path}")

    async def stop_former(self) -> None:
        """Only stop what a former run left."""
        await self.claim()
        os.close(self._mark)

    async def _take_lock(self, how: signal.Signals, deadline: float) -> None:
        told = False
        while not _try_lock(self._mark) and time.monotonic() < deadline:
            if not told and (pid := self._former()) is not None:
                told = True
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, how)
            await asyncio.sleep(POLL_S)

    def _former(self) -> int | None:
        """The process of a former run, when it is one: it has the mark open."""
        text = os.pread(self._mark, 20, 0).strip()
        if not text.isdigit():
            return None
        opened = Path(f"/proc/{int(text)}/fd")
        if not Path("/proc/self/fd").exists():  # no such view on this system; the lock must do
            return int(text)
        with contextlib.suppress(OSError):
            if any(os.path.samestat(os.fstat(self._mark), fd.stat()) for fd in opened.iterdir()):
                return int(text)
        return None

    def start(self, command: Sequence[str | Path]) -> None:
        """Start the child; `claim` comes before."""
        with self.log_path.open("ab") as output:
            self._child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd="/",
                pass_fds=(self._mark,),
                # Ctrl-C in the terminal is for the server, which then stops its stores in order.
                start_new_session=True,
                **identity(self._account),
            )
        os.ftruncate(self._mark, 0)
        os.pwrite(self._mark, f"{self._child.pid}\n".encode(), 0)
        os.close(self._mark)

    def check(self) -> None:
        """Raise StoreFailed when the child has ended."""
        if self._child is None or self._child.poll() is not None:
            status = None if self._child is None else self._child.returncode
            raise StoreFailed(f"{self.name} ended with status {status}\n{self._log_tail()}")

    async def wait(self) -> int:
        """Wait until the child ends; its status."""
        assert self._child is not None
        while (status := self._child.poll()) is None:  # noqa: ASYNC110
            await asyncio.sleep(0.1)
        return status

    async def stop(self) -> None:
        """Stop the child in its orderly way, by force after STOP_S."""
        child, self._child = self._child, None
        if child is None:
            return
        with contextlib.suppress(ProcessLookupError):
            child.send_signal(self._stop_signal)
        deadline = time.monotonic() + STOP_S
        while child.poll() is None:
            if time.monotonic() > deadline:
                child.kill()
            await asyncio.sleep(POLL_S)
        with contextlib.suppress(FileNotFoundError):
            self._pid_path.unlink()

    def _log_tail(self) -> str:
        try:
            return self.log_path.read_bytes()[-LOG_TAIL_BYTES:].decode(errors="replace")
        except OSError:
            return ""


def _try_lock(mark: int) -> bool:
    try:
        fcntl.flock(mark, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def identity(account: Account | None) -> dict[str, Any]:
    """The arguments that make `subprocess` run a command as `account`."""
    if account is None:
        return {}
    return {"user": account.uid, "group": account.gid, "extra_groups": ()}
