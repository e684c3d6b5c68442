"""The entry of a worker process: `python -m server.worker --index 0 --lifeline 5`.

It lives as long as its parent: when the parent goes, however that happens, the lifeline ends.
"""

import argparse
import asyncio
import gc
import os
import signal
import socket
import sys
import threading

import structlog
import uvloop

from server import app, logs
from server.settings import EXIT_MISCONFIGURED, Misconfigured, Settings, load
from server.worker_process import READY

GC_THRESHOLD = 50_000

log = structlog.get_logger(__name__)


def main() -> None:
    """Run one worker until SIGTERM, SIGINT, or the end of the parent."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--index", type=int, required=True)
    parser.add_argument("--lifeline", type=int, required=True)
    arguments = parser.parse_args()
    lifeline = socket.socket(fileno=arguments.lifeline)
    threading.Thread(target=_follow_parent, args=(lifeline,), daemon=True).start()
    try:
        settings = load()
        logs.configure(settings.log_level, settings.log_format, worker=arguments.index)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_run(settings, arguments.index, lifeline))
    except Misconfigured as error:
        print(error, file=sys.stderr)
        sys.exit(EXIT_MISCONFIGURED)


async def _run(settings: Settings, index: int, lifeline: socket.socket) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)

    def ready() -> None:
        # What lives for ever need not be looked at again; requests leave few cycles behind.
        gc.collect()
        gc.freeze()
        gc.set_threshold(GC_THRESHOLD)
        lifeline.send(READY)
        log.info("worker ready", pid=os.getpid())

    await app.run_worker(settings, index, ready=ready, stop=stop)


def _follow_parent(lifeline: socket.socket) -> None:
    """End at once with the parent: it was killed, so its successor may be starting already."""
    while lifeline.recv(1):
        pass
    os._exit(1)


if __name__ == "__main__":
    main()
