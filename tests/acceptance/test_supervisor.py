"""The real processes: started, told to stop, killed at every level, started again."""

import asyncio
import os
import re
import signal
import socket
import sys
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

START = """
import sys
from server import logs, supervisor
from server.preparing import prepare
from server.settings import load
settings = load()
logs.configure("info", "json")
sys.exit(supervisor.run(settings, lambda dsn: prepare(settings, dsn)))
"""
UP_S = 20.0


class Running:
    """A server process and where it listens."""

    def __init__(self, process: asyncio.subprocess.Process, log: Path) -> None:
        self.process = process
        self._log = log

    @property
    def log(self) -> str:
        """What it wrote so far."""
        return self._log.read_text()

    async def find(self, pattern: str) -> re.Match[str]:
        """Wait until the log matches."""
        for _ in range(int(UP_S / 0.02)):
            if found := re.search(pattern, self.log):
                return found
            await asyncio.sleep(0.02)
        raise AssertionError(f"{pattern} is not in\n{self.log}")

    async def up(self) -> tuple[str, str]:
        """Wait until it listens; the gRPC address and the HTTP URL."""
        found = await self.find(r'"grpc": "(.+?)", "http": "(.+?)"')
        return found[1], found[2]

    async def health(self, address: str) -> int:
        """The health of the server as a whole."""
        async with grpc.aio.insecure_channel(address) as channel:
            stub = health_pb2_grpc.HealthStub(channel)
            request = health_pb2.HealthCheckRequest()
            reply = await stub.Check(request, timeout=5, wait_for_ready=True)
            status: int = reply.status
            return status

    async def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Signal the server and wait for its end."""
        self.process.send_signal(how)
        return await asyncio.wait_for(self.process.wait(), 20)


@asynccontextmanager
async def started(state_dir: Path, **settings: object) -> AsyncIterator[Running]:
    """A server on the state directory, on free ports unless told otherwise."""
    chosen = {"grpc_listen": "127.0.0.1:0", "http_listen": "127.0.0.1:0", "drain_s": 1} | settings
    variables = {f"TOLLGATE_{name.upper()}": str(value) for name, value in chosen.items()}
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)} | variables
    environment["TOLLGATE_STATE_DIR"] = str(state_dir)
    log = state_dir / f"log-{len(list(state_dir.glob('log-*')))}"
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", START), stdout=output, stderr=output, env=environment
        )
    try:
        yield Running(process, log)
    finally:
        with suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


def _runs(pid: int) -> bool:
    status = Path(f"/proc/{pid}/stat")
    with suppress(FileNotFoundError):
        return status.read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def _store_pids(state_dir: Path) -> list[int]:
    return [int(each.read_text()) for each in state_dir.glob("*.pid")]


def _get(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=5) as reply:
            return reply.status, reply.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
async def test_it_serves_and_ends_cleanly(how: signal.Signals, state_dir: Path) -> None:
    async with started(state_dir, workers=2) as server:
        address, http = await server.up()
        assert await server.health(address) == health_pb2.HealthCheckResponse.SERVING
        status, text = await asyncio.to_thread(_get, f"{http}/healthz")
        assert (status, "false" in text) == (200, False)
        status, text = await asyncio.to_thread(_get, f"{http}/metrics")
        assert status == 200
        assert "rpc_server_call_duration_seconds_bucket" in text
        stores = _store_pids(state_dir)
        assert len(stores) == 2
        assert await server.stop(how) == 0
        assert not any(map(_runs, stores))
        assert not list(state_dir.glob("*.pid"))


async def test_a_dead_worker_comes_back(state_dir: Path) -> None:
    async with started(state_dir) as server:
        address, _ = await server.up()
        first = await server.find(r'"pid": (\d+), "event": "worker ready"')
        os.kill(int(first[1]), signal.SIGKILL)
        await server.find(r"(?s)worker died.*worker ready")
        assert await server.health(address) == health_pb2.HealthCheckResponse.SERVING


async def test_a_dead_store_comes_back(state_dir: Path) -> None:
    async with started(state_dir) as server:
        await server.up()
        for pid in _store_pids(state_dir):
            os.kill(pid, signal.SIGKILL)
        await server.find(r"(?s)(embedded store ended.*){2}(embedded store started.*){2}")


async def test_after_a_kill_the_next_one_takes_over(state_dir: Path) -> None:
    async with started(state_dir) as server:
        await server.up()
        worker = int((await server.find(r'"pid": (\d+), "event": "worker ready"'))[1])
        orphans = _store_pids(state_dir)
        await server.stop(signal.SIGKILL)
        for _ in range(100):
            if not _runs(worker):
                break
            await asyncio.sleep(0.02)
        assert not _runs(worker)
        assert all(map(_runs, orphans))
        async with started(state_dir) as second:
            address, _ = await second.up()
            assert await second.health(address) == health_pb2.HealthCheckResponse.SERVING
            assert not any(map(_runs, orphans))


async def test_a_second_server_is_told_what_is_in_its_way(state_dir: Path, tmp_path: Path) -> None:
    async with started(state_dir) as server:
        address, _ = await server.up()
        async with started(state_dir) as second:
            assert await second.process.wait() == 1
            assert f"process {server.process.pid}" in second.log
        stores = {"redis_url": "redis://127.0.0.1:1", "postgres_dsn": "postgresql://127.0.0.1:1/x"}
        async with started(tmp_path, grpc_listen=address, **stores) as third:
            assert await third.process.wait() == 1
            assert f"cannot listen on {address}: another program listens there" in third.log


async def test_a_signal_while_starting_ends_it_at_once(state_dir: Path) -> None:
    async with started(state_dir) as server:
        for _ in range(500):
            if list(state_dir.glob("*.pid")):
                break
            await asyncio.sleep(0.01)
        assert await server.stop() == 0
        assert not any(map(_runs, _store_pids(state_dir)))


async def test_the_ports_are_free_again_at_once(state_dir: Path) -> None:
    async with started(state_dir) as server:
        address, _ = await server.up()
        await server.stop()
    host, port = address.split(":")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((host, int(port)))
