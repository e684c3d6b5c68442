"""Processes that a benchmark starts. They end with it, and it ends only them."""

import asyncio
import contextlib
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

STOP_S = 20.0
LOG_TAIL = 2_000
PYTHON = sys.executable


class ChildFailed(Exception):
    """A process ended or did not answer; the message holds the end of its log."""


class Child:
    """A running process and its log."""

    def __init__(self, name: str, process: Process, log: Path) -> None:
        self.name, self.log = name, log
        self._process = process

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def check(self) -> None:
        """Raise ChildFailed when the process has ended."""
        if self._process.returncode is not None:
            raise self.failed(f"ended with status {self._process.returncode}")

    def failed(self, how: str) -> ChildFailed:
        """What to raise when the process does not do what it should."""
        tail = self.log.read_text(errors="replace")[-LOG_TAIL:]
        return ChildFailed(f"{self.name} {how}\n{tail}")

    async def wait(self, timeout_s: float) -> int:
        """The status with which the process ends by itself. Raises ChildFailed."""
        try:
            async with asyncio.timeout(timeout_s):
                return await self._process.wait()
        except TimeoutError:
            raise self.failed(f"did not end within {timeout_s:.0f} s") from None

    async def stop(self) -> None:
        """End the process in its orderly way, by force after STOP_S."""
        await _stop(self._process)


@asynccontextmanager
async def child(
    name: str, *command: str, log: Path, variables: Mapping[str, str] | None = None
) -> AsyncIterator[Child]:
    """Run a command while the block lasts."""
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *bound(command),
            stdin=DEVNULL,
            stdout=output,
            stderr=output,
            env=environment(variables or {}),
            # Ctrl-C is for the benchmark, which then stops its processes in order.
            start_new_session=True,
        )
    running = Child(name, process, log)
    try:
        yield running
    finally:
        await running.stop()


async def run_to_end(*command: str, stdin: bytes = b"", timeout_s: float) -> bytes:
    """What a command writes to its standard output. Raises ChildFailed."""
    process = await asyncio.create_subprocess_exec(
        *bound(command),
        stdin=PIPE,
        stdout=PIPE,
        stderr=PIPE,
        env=environment({}),
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(timeout_s):
            output, errors = await process.communicate(stdin)
    except TimeoutError:
        raise ChildFailed(f"{command[0]} did not end within {timeout_s:.0f} s") from None
    finally:
        await _stop(process)
    if process.returncode:
        raise ChildFailed(
            f"{' '.join(command[:3])} ended with status {process.returncode}\n"
            f"{errors.decode(errors='replace')[-LOG_TAIL:]}"
        )
    return output


def bound(command: tuple[str, ...]) -> tuple[str, ...]:
    """The command as one that ends with us."""
    return (PYTHON, "-m", "benchmarks.rig.bound", *command)


def environment(variables: Mapping[str, str]) -> dict[str, str]:
    """Our environment without settings of Tollgate and telemetry, and with `variables`."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("TOLLGATE_", "OTEL_"))}
    return kept | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))} | dict(variables)


async def _stop(process: Process) -> None:
    if process.returncode is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        async with asyncio.timeout(STOP_S):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
