"""Runs the demo: a whole server beside its story, with the log in a file."""

import asyncio
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc
import structlog
import uvloop
from rich.console import Console

from server import logs, supervisor
from server.cli.demo.closing import log_path
from server.cli.demo.story import Story
from server.preparing import prepare
from server.settings import Misconfigured, Settings
from server.simulator.exchange import CHANNEL_OPTIONS

log = structlog.get_logger(__name__)


def run_demo(settings: Settings) -> int:
    """Serves and tells the story until Ctrl-C or SIGTERM; the exit status."""
    console, begun = Console(), time.monotonic()

    async def story(used: Settings) -> None:
        await _tell(used, console, begun)

    try:
        console.print("Starting Tollgate with a live store and a ledger of its own …")
        with (
            _errors_to(log_path(settings)),
            asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
        ):
            logs.configure(settings.log_level, settings.log_format)
            runner.run(supervisor.serve(settings, lambda dsn: prepare(settings, dsn), story))
    except (*supervisor.START_FAILURES, Misconfigured) as error:
        print(f"tollgate: {error}\nThe log is {log_path(settings)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:  # before anything was started
        pass
    console.print("Stopped. The data stays; the next run goes on from there.")
    return 0


async def _tell(settings: Settings, console: Console, begun: float) -> None:
    options = CHANNEL_OPTIONS
    async with grpc.aio.insecure_channel(settings.grpc_listen, options=options) as channel:
        try:
            await Story(settings, console, channel, begun).tell()
        except Exception as error:
            log.error("the demo ended early", exc_info=error)
            console.print(f"[red]The demo ended early:[/red] {_words(error)}", highlight=False)
            console.print(
                f"The server keeps serving; its log is {log_path(settings)}. Ctrl-C ends it."
            )
        await _until_cancelled(console)


async def _until_cancelled(console: Console) -> None:
    try:
        await asyncio.Event().wait()
    finally:
        console.print("\nStopping …")


def _words(error: BaseException) -> str:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return str(error.details() if isinstance(error, grpc.aio.AioRpcError) else error)


@contextmanager
def _errors_to(path: Path) -> Iterator[None]:
    """Appends what this process and its children write to standard error to a file.

    The logs of a server would drown the story that is told on standard output.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    sys.stderr.flush()
    kept = os.dup(2)
    with path.open("ab") as file:
        os.dup2(file.fileno(), 2)
    try:
        yield
    finally:
        sys.stderr.flush()
        os.dup2(kept, 2)
        os.close(kept)
