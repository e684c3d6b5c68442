"""The service as its user starts it, with its own stores, in a passing directory."""

import asyncio
import re
import shutil
import socket
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

import grpc
from redis.asyncio import Redis

from benchmarks.rig.children import PYTHON, Child, child
from benchmarks.rig.processor import children_of
from server.embedded import EmbeddedPostgres, EmbeddedValkey
from server.preparing import admin_key_path

UP_S = 60.0
HTTP_S = 5.0


class Service(NamedTuple):
    """Where it listens, what it consists of, and its administrator's key."""

    address: str
    http_url: str
    worker_pid: int
    store_pid: int
    store_url: str
    admin_key: str

    @property
    def watched(self) -> dict[str, int]:
        """Whose processor time counts."""
        return {"worker": self.worker_pid, "store": self.store_pid}

    async def answered_ok(self, method: str) -> int:
        """How many requests of a method it has answered with OK, by its own count."""
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
async def started_service(place: Path) -> AsyncIterator[Service]:
    """Run it while the block lasts: one worker, embedded stores, telemetry off, a quiet log."""
    state = place / "state"
    grpc_port, http_port = free_ports(2)
    variables = {
        "TOLLGATE_STATE_DIR": str(state),
        "TOLLGATE_GRPC_LISTEN": f"127.0.0.1:{grpc_port}",
        "TOLLGATE_HTTP_LISTEN": f"127.0.0.1:{http_port}",
        "TOLLGATE_WORKERS": "1",
        "TOLLGATE_LOG_LEVEL": "warning",
        "TOLLGATE_LOG_FORMAT": "json",
    }
    try:
        command = (PYTHON, "-m", "server", "serve")
        log = place / "service.log"
        async with child("the service", *command, log=log, variables=variables) as process:
            http_url = f"http://127.0.0.1:{http_port}"
            await _until_healthy(process, http_url)
            yield Service(
                f"127.0.0.1:{grpc_port}",
                http_url,
                _worker_of(process),
                int((state / "valkey.pid").read_text()),
                f"unix://{quote(str(state / 'valkey.sock'))}",
                admin_key_path(state).read_text().strip(),
            )
    finally:
        await _stop_leftovers(state)


@asynccontextmanager
async def started_echo(place: Path) -> AsyncIterator[tuple[str, int]]:
    """The echo's address and process id while the block lasts."""
    (port,) = free_ports(1)
    address = f"127.0.0.1:{port}"
    command = (PYTHON, "-m", "benchmarks.rig.echo", str(port))
    async with child("the echo", *command, log=place / "echo.log") as process:
        async with grpc.aio.insecure_channel(address) as channel, asyncio.timeout(UP_S):
            while channel.get_state(try_to_connect=True) != grpc.ChannelConnectivity.READY:
                process.check()
                await asyncio.sleep(0.02)
        yield address, process.pid


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


def _worker_of(process: Child) -> int:
    workers = [
        pid for pid, command in children_of(process.pid).items() if "server.worker" in command
    ]
    if len(workers) != 1:
        raise process.failed(f"runs {len(workers)} workers instead of one")
    return workers[0]


async def _stop_leftovers(state: Path) -> None:
    """Stop the stores of a service that had to be ended by force."""
    if (state / "valkey.pid").exists():
        await EmbeddedValkey(state).stop_former()
    if (state / "postgres.pid").exists():
        await EmbeddedPostgres(state).stop_former()
