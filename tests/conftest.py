"""Shared fixtures: real stores, faults on the wire, and a watch for tasks that tests leave behind.

Stores are embedded, one of each per test process, unless TOLLGATE_TEST_REDIS_URL and
TOLLGATE_TEST_POSTGRES_DSN name running ones (TOLLGATE_REDIS_URL and TOLLGATE_POSTGRES_DSN do too).
"""

import asyncio
import inspect
import os
import secrets
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import asyncpg
import hypothesis
import pytest
from redis import Redis

from ledger.migrate import migrate
from server.embedded import EmbeddedPostgres, EmbeddedValkey
from tests.collector import Collector, collecting
from tests.proxy import Proxy, Upstream
from tests.scratch import clear_leftovers, scratch_dir
from tests.valkey_cluster import ValkeyCluster

LEAK_GRACE_S = 1.0
TEMPLATE = "tollgate_test_template"
# Tests look at what is committed, not at what survives a power cut.
FAST = {"fsync": "off", "full_page_writes": "off", "shared_buffers": "64MB"}


def pytest_configure() -> None:
    """Keep the settings of whoever runs the tests out of the tests, but for the stores'."""
    for store in ("REDIS_URL", "POSTGRES_DSN"):
        if given := os.environ.get(f"TOLLGATE_{store}"):
            os.environ.setdefault(f"TOLLGATE_TEST_{store}", given)
    for name in list(os.environ):
        if name.startswith(("TOLLGATE_", "OTEL_")) and not name.startswith("TOLLGATE_TEST_"):
            del os.environ[name]
    # Time limits are pytest's; on a busy machine hypothesis' own would fail at random.
    hypothesis.settings.register_profile("tollgate", deadline=None, print_blob=True)
    hypothesis.settings.load_profile("tollgate")
    if "PYTEST_XDIST_WORKER" not in os.environ:
        clear_leftovers()


@pytest.fixture
def state_dir() -> Iterator[Path]:
    """An empty directory that an unprivileged Postgres can reach, with a short path."""
    with scratch_dir() as path:
        yield path


@pytest.fixture(scope="session")
def _redis_server(worker_id: str) -> Iterator[str]:
    if given := os.environ.get("TOLLGATE_TEST_REDIS_URL"):
        # Test processes share the server, each in a database of its own.
        database = 0 if worker_id == "master" else int(worker_id.removeprefix("gw"))
        yield f"{given.rstrip('/')}/{database}"
        return
    with scratch_dir() as path:
        server = EmbeddedValkey(path)
        _run(server.start())
        try:
            yield server.url
        finally:
            _run(server.stop())


@pytest.fixture
def redis_url(_redis_server: str) -> str:
    """An empty database on a real server. For FLUSHALL and restarts take `own_valkey`."""
    with Redis.from_url(_redis_server) as client:
        client.flushdb()
        client.script_flush()
    return _redis_server


@pytest.fixture
async def own_valkey(state_dir: Path) -> AsyncIterator[EmbeddedValkey]:
    """A server for one test alone, to be stopped, killed and started again."""
    server = EmbeddedValkey(state_dir)
    await server.start()
    yield server
    await server.stop()


@pytest.fixture(scope="session")
def _postgres_server(worker_id: str) -> Iterator[Callable[[str], str]]:
    """A function from a database's name to its DSN."""
    if dsn := os.environ.get("TOLLGATE_TEST_POSTGRES_DSN"):
        given, _, options = dsn.partition("?")
        server, _, _ = given.rpartition("/")
        yield lambda database: f"{server}/{database}{'?' * bool(options)}{options}"
        return
    with scratch_dir() as path:
        embedded = EmbeddedPostgres(path, settings=FAST)
        _run(embedded.start())
        try:
            yield embedded.dsn_for
        finally:
            _run(embedded.stop())


@pytest.fixture(scope="session")
def _postgres_template(_postgres_server: Callable[[str], str], worker_id: str) -> Iterator[str]:
    """The name of a database that has all migrations."""
    name, admin = f"{TEMPLATE}_{worker_id}", _postgres_server("postgres")
    _run(_execute(admin, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
    _run(_execute(admin, f"CREATE DATABASE {name}"))
    _run(migrate(_postgres_server(name)))
    yield name
    _run(_execute(admin, f"DROP DATABASE {name} WITH (FORCE)"))


@pytest.fixture
def postgres_dsn(_postgres_server: Callable[[str], str], _postgres_template: str) -> Iterator[str]:
    """A fresh database with the ledger's schema, for one test alone."""
    name, admin = f"tollgate_test_{secrets.token_hex(6)}", _postgres_server("postgres")
    _run(_execute(admin, f"CREATE DATABASE {name} TEMPLATE {_postgres_template}"))
    yield _postgres_server(name)
    _run(_execute(admin, f"DROP DATABASE {name} WITH (FORCE)"))


@pytest.fixture
async def own_postgres(state_dir: Path) -> AsyncIterator[EmbeddedPostgres]:
    """A server for one test alone, to be stopped, killed and started again; with migrations."""
    server = EmbeddedPostgres(state_dir)
    await server.start()
    await migrate(server.dsn)
    yield server
    await server.stop()


@pytest.fixture(scope="session")
def _valkey_cluster() -> Iterator[ValkeyCluster]:
    with scratch_dir() as path:
        cluster = ValkeyCluster(path)
        _run(cluster.start())
        try:
            yield cluster
        finally:
            _run(cluster.stop())


@pytest.fixture
def valkey_cluster(_valkey_cluster: ValkeyCluster) -> ValkeyCluster:
    """Three empty nodes in cluster mode that share the slots; `url` names one."""
    _valkey_cluster.flush()
    return _valkey_cluster


@pytest.fixture
async def proxied() -> AsyncIterator[Callable[[str], Coroutine[Any, Any, Proxy]]]:
    """Puts a proxy before a store: `proxy = await proxied(redis_url)`, then use `proxy.url`."""
    async with AsyncExitStack() as stack:

        async def build(url: str) -> Proxy:
            return await stack.enter_async_context(Proxy(Upstream.of(url)))

        yield build


@pytest.fixture
async def collector(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Collector]:
    """A living collector, named by the variables."""
    async with collecting() as (found, endpoint):
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
        yield found


@pytest.fixture(autouse=True)
def _watch_tasks(request: pytest.FixtureRequest) -> None:
    if inspect.iscoroutinefunction(getattr(request, "function", None)):
        request.getfixturevalue("_leaks_no_task")


@pytest.fixture
async def _leaks_no_task() -> AsyncIterator[None]:
    """Fail an async test that leaves tasks running after all its fixtures are gone."""
    before = asyncio.all_tasks()
    yield
    ends_at = asyncio.get_running_loop().time() + LEAK_GRACE_S
    while left := [each for each in asyncio.all_tasks() - before if not each.done()]:
        left = [each for each in left if each is not asyncio.current_task()]
        if not left:
            break
        if asyncio.get_running_loop().time() > ends_at:
            pytest.fail(f"tasks left running: {', '.join(map(repr, left))}")
        await asyncio.sleep(0.01)


async def _execute(dsn: str, statement: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


def _run(work: Coroutine[Any, Any, Any]) -> None:
    with asyncio.Runner() as runner:
        runner.run(work)
