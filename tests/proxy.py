"""A TCP proxy before a store, whose connections can be cut, held, delayed and restored, and which
can lose replies.
"""

import asyncio
import contextlib
from types import TracebackType
from typing import NamedTuple, Self
from urllib.parse import parse_qs, unquote, urlsplit, urlunsplit


class Upstream(NamedTuple):
    """Where a URL leads: a Unix socket, or a host and port."""

    url: str
    path: str | None
    host: str
    port: int

    @classmethod
    def of(cls, url: str) -> Self:
        """Read a Redis URL or a Postgres DSN."""
        parts = urlsplit(url)
        if parts.scheme == "unix":
            return cls(url, unquote(parts.path), "", 0)
        directory = parse_qs(parts.query).get("host", [""])[0]
        if directory.startswith("/"):
            return cls(url, f"{directory}/.s.PGSQL.5432", "", 0)
        default = 6379 if parts.scheme.startswith("redis") else 5432
        return cls(url, None, parts.hostname or "127.0.0.1", parts.port or default)

    def through(self, port: int) -> str:
        """The URL by way of a port on this machine."""
        parts = urlsplit(self.url)
        if parts.scheme == "unix":
            database = parse_qs(parts.query).get("db", ["0"])[0]
            return f"redis://127.0.0.1:{port}/{database}"
        credentials, _, _ = parts.netloc.rpartition("@")
        place = f"{credentials}@127.0.0.1:{port}" if credentials else f"127.0.0.1:{port}"
        return urlunsplit((parts.scheme, place, parts.path, "", ""))


class Proxy:
    """Passes bytes both ways while its block is entered."""

    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._flows = asyncio.Event()
        self._flows.set()
        self._replies_flow = asyncio.Event()
        self._replies_flow.set()
        self._held = asyncio.Event()
        self._refuses = False
        self._delay_s = 0.0
        self._to_lose = 0
        self.lost_replies = 0
        self.refused = 0
        self._port = 0

    @property
    def url(self) -> str:
        """The store's URL by way of the proxy."""
        return self._upstream.through(self._port)

    @property
    def connections(self) -> int:
        """How many client connections are open."""
        return len(self._writers) // 2

    def cut(self) -> None:
        """Break every connection and refuse new ones, until `restore`."""
        self._refuses = True
        for writer in list(self._writers):
            writer.transport.abort()

    def hold(self) -> None:
        """Let no byte through in either direction, until `restore`; connections stay."""
        self._flows.clear()
        self._held.clear()

    def hold_replies(self) -> None:
        """Let requests through and no replies, until `restore`."""
        self._replies_flow.clear()
        self._held.clear()

    async def holding(self) -> None:
        """Wait until some bytes are held."""
        await self._held.wait()

    def delay(self, seconds: float) -> None:
        """Let everything take `seconds` longer, each way."""
        self._delay_s = seconds

    def lose_replies(self, count: int = 1) -> None:
        """Break a connection when the store has answered, in place of the answer, `count` times."""
        self._to_lose = count

    def restore(self) -> None:
        """Undo every fault."""
        self._refuses, self._delay_s, self._to_lose = False, 0.0, 0
        self._flows.set()
        self._replies_flow.set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self._port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        assert self._server is not None
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        if self._refuses:
            self.refused += 1
            writer.transport.abort()
            return
        with contextlib.suppress(OSError, asyncio.CancelledError):
            there, back = await self._connect()
            await self._join((reader, back), (there, writer))
        writer.transport.abort()

    async def _join(self, *pairs: tuple[asyncio.StreamReader, asyncio.StreamWriter]) -> None:
        writers = {writer for _, writer in pairs}
        self._writers |= writers
        try:
            async with asyncio.TaskGroup() as group:
                requests, replies = pairs
                group.create_task(self._pump(*requests, is_reply=False))
                group.create_task(self._pump(*replies, is_reply=True))
        finally:
            self._writers -= writers
            for writer in writers:
                writer.transport.abort()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._upstream.path is not None:
            return await asyncio.open_unix_connection(self._upstream.path)
        return await asyncio.open_connection(self._upstream.host, self._upstream.port)

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, is_reply: bool
    ) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                if is_reply and self._to_lose:
                    self._to_lose -= 1
                    self.lost_replies += 1
                    break
                if self._delay_s:
                    await asyncio.sleep(self._delay_s)
                for flow in (self._flows, self._replies_flow) if is_reply else (self._flows,):
                    if not flow.is_set():
                        self._held.set()
                        await flow.wait()
                writer.write(data)
                await writer.drain()
        writer.close()
