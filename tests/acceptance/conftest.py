"""Fixtures of the tests on real processes: `tollgate serve`, and gateways that outlive it."""

import asyncio
import os
import re
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import pytest

from tests.integration.api.client import Client
from tests.integration.api.installation import ADMIN_KEY, Installation

UP_S = 30.0
END_S = 30.0
POLL_S = 0.02
# A gateway finds a server that came back at once.
RECONNECTING = [
    ("grpc.initial_reconnect_backoff_ms", 50),
    ("grpc.min_reconnect_backoff_ms", 50),
    ("grpc.max_reconnect_backoff_ms", 200),
]
QUICK: dict[str, Any] = {"drain_s": 1, "log_format": "json"}


class Server:
    """`tollgate serve` on a state directory and a port that stay the same over restarts."""

    def __init__(self, state_dir: Path, **settings: object) -> None:
        self.state_dir = state_dir
        self.address = f"127.0.0.1:{_free_port()}"
        chosen = QUICK | {"grpc_listen": self.address, "http_listen": "127.0.0.1:0"} | settings
        chosen |= {"state_dir": state_dir, "bootstrap_admin_key": ADMIN_KEY}
        variables = {f"TOLLGATE_{name.upper()}": str(value) for name, value in chosen.items()}
        self._environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)} | variables
        self._log = state_dir / "serve.log"
        self.process: asyncio.subprocess.Process | None = None

    @property
    def log(self) -> str:
        """What it wrote since it was started last."""
        return self._log.read_text() if self._log.exists() else ""

    async def start(self) -> None:
        """Starts it and waits until it listens."""
        await self.begin()
        await self.find('"event": "listening"')

    async def begin(self) -> None:
        """Starts it."""
        with self._log.open("wb") as output:
            self.process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "server", "serve"),
                stdout=output,
                stderr=output,
                env=self._environment,
            )

    async def fails(self) -> tuple[int, str]:
        """Starts it, and waits for the end that it must come to; its status and what it said."""
        await self.begin()
        assert self.process is not None
        return await asyncio.wait_for(self.process.wait(), UP_S), self.log

    async def find(self, pattern: str, count: int = 1) -> list[str]:
        """Waits until the log holds a pattern so many times."""
        async with asyncio.timeout(UP_S):
            while len(found := re.findall(pattern, self.log)) < count:
                assert self.process is not None
                assert self.process.returncode is None, self.log
                await asyncio.sleep(POLL_S)
        return found

    async def worker_pids(self, count: int = 1) -> list[int]:
        """The workers that became ready since the start, the latest last."""
        ready = r'"pid": (\d+), "event": "worker ready"'
        return [int(pid) for pid in await self.find(ready, count)]

    async def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Signals it and waits for its end; its status."""
        assert self.process is not None
        self.process.send_signal(how)
        return await asyncio.wait_for(self.process.wait(), END_S)

    async def end(self) -> None:
        """Ends it if it runs."""
        if self.process is not None and self.process.returncode is None:
            with suppress(ProcessLookupError):
                await self.stop()


class Deployment(Installation):
    """What tests do with an installation, on a server of its own process."""

    def __init__(self, server: Server, channel: grpc.aio.Channel) -> None:
        self.server, self._channel = server, channel
        self.admin = Client(channel, ADMIN_KEY)


Deploy = Callable[..., AbstractAsyncContextManager[Deployment]]


@pytest.fixture
def deploy(state_dir: Path) -> Deploy:
    """Deploys a server with settings of the test's choice, and starts it."""
    return partial(deployed, state_dir)


@asynccontextmanager
async def deployed(state_dir: Path, **settings: object) -> AsyncIterator[Deployment]:
    """A server that is started, with a channel to it, until the block ends."""
    server = Server(state_dir, **settings)
    try:
        await server.start()
        async with grpc.aio.insecure_channel(server.address, options=RECONNECTING) as channel:
            yield Deployment(server, channel)
    finally:
        await server.end()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
