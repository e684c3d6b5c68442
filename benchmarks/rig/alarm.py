"""Wakes at points in time to a fraction of a millisecond, which an event loop's own timers miss.

A timer of the kernel tells through a file descriptor; nothing spins in the meantime.
"""

import asyncio
import ctypes
import os
import time
from types import TracebackType
from typing import Self

CLOCK_MONOTONIC, TFD_NONBLOCK, TFD_TIMER_ABSTIME = 1, 0o4000, 1
COUNT_BYTES = 8


class _Timespec(ctypes.Structure):
    _fields_ = (("s", ctypes.c_long), ("ns", ctypes.c_long))


class _Itimerspec(ctypes.Structure):
    _fields_ = (("interval", _Timespec), ("value", _Timespec))


class Alarm:
    """One alarm of the running loop, while its block is entered."""

    def __enter__(self) -> Self:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._fd = self._libc.timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK)
        assert self._fd >= 0, os.strerror(ctypes.get_errno())
        self._rung = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._fd, self._ring)
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self._loop.remove_reader(self._fd)
        os.close(self._fd)

    async def until(self, due_s: float) -> None:
        """Returns at `due_s` of time.monotonic(), at once when that is past."""
        if due_s <= time.monotonic():
            return
        self._rung.clear()
        whole_s = int(due_s)
        value = _Timespec(whole_s, int((due_s - whole_s) * 1e9))
        setting = _Itimerspec(_Timespec(0, 0), value)
        self._libc.timerfd_settime(self._fd, TFD_TIMER_ABSTIME, ctypes.byref(setting), None)
        await self._rung.wait()

    def _ring(self) -> None:
        try:
            os.read(self._fd, COUNT_BYTES)
        except BlockingIOError:
            return
        self._rung.set()
