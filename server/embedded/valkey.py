"""An embedded Valkey (or Redis): durable, never evicting, on a Unix socket."""

import asyncio
import contextlib
import signal
import time
from pathlib import Path
from urllib.parse import quote

import structlog

from server.embedded.program import Program, find_valkey
from server.embedded.state_dir import socket_dir
from server.embedded.store_process import StoreFailed, StoreProcess

START_S = 30.0
SOCKET_NAME = "valkey.sock"
# The wheel's server has the C library's allocator, whose caches of freed records hold seven by
# default; a batch frees and takes hundreds. Programs with an allocator of their own ignore it.
ALLOCATOR = ("env", "GLIBC_TUNABLES=glibc.malloc.tcache_count=20000")

log = structlog.get_logger(__name__)


class EmbeddedValkey:
    """Runs one server on `directory`; `url` is valid while it runs and the same after a restart.

    It listens on a Unix socket only: a round trip costs a quarter less than on loopback, and
    nobody else on the machine can connect.
    """

    def __init__(self, directory: Path, program: Path | None = None) -> None:
        self.directory = directory
        self._explicit = program
        self._process = StoreProcess("valkey", directory, signal.SIGTERM)
        self._socket: Path | None = None

    @property
    def url(self) -> str:
        """Where clients connect."""
        assert self._socket is not None, "start it first"
        return f"unix://{quote(str(self._socket))}"

    @property
    def pid(self) -> int | None:
        """The server's process id."""
        return self._process.pid

    async def start(self) -> None:
        """Start the server and wait until it answers. Raises ProgramMissing, StoreFailed."""
        self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        program = find_valkey(self._explicit)
        if self._socket is None:
            self._socket = socket_dir(self.directory, SOCKET_NAME) / SOCKET_NAME
        await self._process.claim()
        self._process.start(self._command(program))
        try:
            await self._ready()
        except BaseException:
            await self.stop()
            raise
        log.info(
            "embedded store started",
            store="valkey",
            origin=program.origin,
            program=str(program.path),
            version=program.version,
            data=str(self.directory),
        )

    async def stop_former(self) -> None:
        """Stop the server that a killed run left on this directory."""
        await self._process.stop_former()

    async def wait(self) -> int:
        """Wait until the server ends by itself; its status."""
        return await self._process.wait()

    async def stop(self) -> None:
        """Stop the server; what it acknowledged is on disk then."""
        await self._process.stop()
        if self._socket is not None and self._socket.parent != self.directory:
            with contextlib.suppress(OSError):
                self._socket.unlink(missing_ok=True)
                self._socket.parent.rmdir()
            self._socket = None

    def _command(self, program: Program) -> list[str | Path]:
        options = {
            "dir": str(self.directory),
            "port": "0",
            "unixsocket": str(self._socket),
            "unixsocketperm": "700",
            "daemonize": "no",
            "appendonly": "yes",
            "appendfsync": "everysec",
            "maxmemory-policy": "noeviction",
            # The append-only file is the one copy; snapshots beside it would cost forks.
            "save": "",
        }
        flags = [part for name, value in options.items() for part in (f"--{name}", value)]
        return [*ALLOCATOR, program.path, *flags]

    async def _ready(self) -> None:
        """Wait for PONG; while a large file is loaded the server answers something else."""
        deadline = time.monotonic() + START_S
        while not await self._pong():
            self._process.check()
            if time.monotonic() > deadline:
                raise StoreFailed(f"valkey is not ready after {START_S:.0f} s")
            await asyncio.sleep(0.01)

    async def _pong(self) -> bool:
        # By hand: the client library would take longer to import than the server to start.
        try:
            async with asyncio.timeout(5):
                reader, writer = await asyncio.open_unix_connection(self._socket)
                try:
                    writer.write(b"PING\r\n")
                    return await reader.readline() == b"+PONG\r\n"
                finally:
                    writer.close()
        except (OSError, TimeoutError):
            return False
