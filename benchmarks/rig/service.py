"""The service as its user starts it, with its own stores, in a passing directory."""

import asyncio
import re
import shutil
import socket
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from redis.asyncio import Redis

from benchmarks.rig.children import PYTHON, Child, child
from benchmarks.rig.processor import children_of
from server.embedded import EmbeddedPostgres, EmbeddedValkey
from server.preparing import admin_key_path
from server.tallies import WRITE_EVERY_S

UP_S = 60.0
HTTP_S = 5.0


class Service(NamedTuple):
    """Where it listens, what it consists of, and its administrator's key."""

    address: str
    http_url: str
    worker_pids: tuple[int, ...]
    store_pid: int
    store_url: str
    ledger_dsn: str
    admin_key: str

    @property
    def watched(self) -> dict[str, tuple[int, ...]]:
        """Whose processor time counts."""
        return {"worker": self.worker_pids, "store": (self.store_pid,)}

    async def answered_ok(self, method: str) -> int:
        """How many requests of a method it has answered with OK, by its own count."""
        await asyncio.sleep(1.5 * WRITE_EVERY_S)  # each process writes its counts so often
        text = await asyncio.to_thread(_get, f"{self.http_url}/metrics")
        return count_ok(text, method)

    async def batches(self) -> int:
        """How many batches the store has decided, by its own count."""
        async with Redis.from_url(self.store_url) as client:
            stats = await client.info("commandstats")
        return int(stats.get("cmdstat_fcall", {"calls": 0})["calls"])


def count_ok(exposition: str, method: str) -> int:
    """The count of a method's OK replies in the metrics."""
    pattern = re.compile(
        r"^rpc_server_call_duration_seconds_count\{"
        rf'rpc_method="{re.escape(method)}",rpc_response_status_code="OK"\}} (\S+)$',
        re.MULTILINE,
    )
    return sum(int(float(found)) for found in pattern.findall(exposition))


@asynccontextmanager
async def started_service(
    place: Path, workers: int = 1, variables: Mapping[str, str] | None = None
) -> AsyncIterator[Service]:
    """Run it while the block lasts: embedded stores, a quiet log, telemetry off unless the
    variables say otherwise. No lease ends while something is measured.
    """
    state = place / "state"
    grpc_port, http_port = free_ports(2)
    settings = {
        "TOLLGATE_STATE_DIR": str(state),
        "TOLLGATE_GRPC_LISTEN": f"127.0.0.1:{grpc_port}",
        "TOLLGATE_HTTP_LISTEN": f"127.0.0.1:{http_port}",
        "TOLLGATE_WORKERS": str(workers),
        "TOLLGATE_LEASE_MS": "3600000",
        "TOLLGATE_LOG_LEVEL": "warning",
        "TOLLGATE_LOG_FORMAT": "json",
    }
    try:
        command = (PYTHON, "-m", "server", "serve")
        log = place / "service.log"
        settings |= variables or {}
        async with child("the service", *command, log=log, variables=settings) as process:
            http_url = f"http://127.0.0.1:{http_port}"
            await _until_healthy(process, http_url)
            yield Service(
                f"127.0.0.1:{grpc_port}",
                http_url,
                _workers_of(process, workers),
                int((state / "valkey.pid").read_text()),
                f"unix://{quote(str(state / 'valkey.sock'))}",
                _ledger_dsn(state),
                admin_key_path(state).read_text().strip(),
            )
    finally:
        await _stop_leftovers(state)


@asynccontextmanager
async def started_echo(place: Path, workers: int = 1) -> AsyncIterator[tuple[str, tuple[int, ...]]]:
    """The echo's address and process ids while the block lasts; its processes share the port."""
    (port,) = free_ports(1)
    address = f"127.0.0.1:{port}"
    command = (PYTHON, "-m", "benchmarks.rig.echo", str(port))
    async with AsyncExitStack() as stack:
        processes = []
        for number in range(workers):
            log = place / f"echo-{number}.log"
            process = await stack.enter_async_context(child("the echo", *command, log=log))
            await _until_written(process, "serving")
            processes.append(process)
        yield address, tuple(each.pid for each in processes)


@asynccontextmanager
async def started_sink(place: Path) -> AsyncIterator[tuple[str, Path]]:
    """A living collector of telemetry: its endpoint, and the log whose last line is its count."""
    (port,) = free_ports(1)
    command = (PYTHON, "-m", "benchmarks.rig.otlp_sink", str(port))
    log = place / "sink.log"
    async with child("the telemetry sink", *command, log=log) as process:
        await _until_written(process, "serving")
        yield f"http://127.0.0.1:{port}", log


@contextmanager
def scratch_place() -> Iterator[Path]:
    """An empty directory that an unprivileged Postgres can reach, with a short path."""
    path = Path(tempfile.mkdtemp(prefix="tollgate-bench-", dir="/tmp"))
    path.chmod(0o711)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def free_ports(count: int) -> list[int]:
    """Ports of loopback on which nobody listens."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


async def _until_healthy(process: Child, http_url: str) -> None:
    ends_at = time.monotonic() + UP_S
    while True:
        process.check()
        with suppress(OSError, urllib.error.URLError):
            await asyncio.to_thread(_get, f"{http_url}/healthz")
            return
        if time.monotonic() > ends_at:
            raise process.failed(f"is not healthy after {UP_S:.0f} s")
        await asyncio.sleep(0.05)


def _get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=HTTP_S) as reply:
        text: str = reply.read().decode()
        return text


async def _until_written(process: Child, word: str) -> None:
    ends_at = time.monotonic() + UP_S
    while word not in process.log.read_text():
        process.check()
        if time.monotonic() > ends_at:
            raise process.failed(f"is not up after {UP_S:.0f} s")
        await asyncio.sleep(0.02)


def _workers_of(process: Child, count: int) -> tuple[int, ...]:
    workers = [
        pid for pid, command in children_of(process.pid).items() if "server.worker" in command
    ]
    if len(workers) != count:
        raise process.failed(f"runs {len(workers)} workers instead of {count}")
    return tuple(workers)


def _ledger_dsn(state: Path) -> str:
    """How to connect to the service's own Postgres: where it listens is in its command line."""
    pid = int((state / "postgres.pid").read_text().split()[0])
    words = Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
    name = "unix_socket_directories="
    sockets = next(word.removeprefix(name) for word in words if word.startswith(name))
    password = quote((state / "postgres.password").read_text())
    return f"postgresql://postgres:{password}@/tollgate?host={quote(sockets, safe='/')}&port=5432"


async def _stop_leftovers(state: Path) -> None:
    """Stop the stores of a service that had to be ended by force."""
    if (state / "valkey.pid").exists():
        await EmbeddedValkey(state).stop_former()
    if (state / "postgres.pid").exists():
        await EmbeddedPostgres(state).stop_former()
