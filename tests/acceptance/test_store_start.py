"""A start that cannot succeed says which setting is wrong and what to do."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from tests.acceptance.conftest import Deploy, Server
from tests.integration.api.gateway import Gateway


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"lease_ms": 5}, "TOLLGATE_LEASE_MS"),
        ({"workers": "many"}, "TOLLGATE_WORKERS"),
        ({"redis_url": "http://x"}, "TOLLGATE_REDIS_URL must start with one of redis://"),
        ({"bootstrap_admin_key": "secret"}, "TOLLGATE_BOOTSTRAP_ADMIN_KEY must look like"),
        ({"min_start_s": 50}, "TOLLGATE_MIN_START_S <= TOLLGATE_LOW_WATER_S"),
        ({"grpc_listen": "nowhere"}, "TOLLGATE_GRPC_LISTEN"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
async def test_a_bad_setting_is_named(
    state_dir: Path, settings: dict[str, object], said: str
) -> None:
    server = Server(state_dir, **settings)
    for name, value in settings.items():
        server._environment[f"TOLLGATE_{name.upper()}"] = str(value)
    status, log = await server.fails()
    assert status != 0
    assert said in log
    assert "Traceback" not in log


async def test_a_redis_that_may_evict_is_refused(
    state_dir: Path, postgres_dsn: str, redis_url: str, evicting: None
) -> None:
    status, log = await Server(state_dir, redis_url=redis_url, postgres_dsn=postgres_dsn).fails()
    assert status != 0
    assert "Set maxmemory-policy to noeviction" in log
    assert "Traceback" not in log


@pytest.fixture
def evicting(redis_url: str) -> Iterator[None]:
    """Lets Redis drop keys for the length of a test."""
    with Redis.from_url(redis_url) as client:
        client.config_set("maxmemory-policy", "allkeys-lru")
        yield
        client.config_set("maxmemory-policy", "noeviction")


async def test_another_number_of_shards_is_refused(
    state_dir: Path, postgres_dsn: str, redis_url: str
) -> None:
    stores = {"redis_url": redis_url, "postgres_dsn": postgres_dsn}
    first = Server(state_dir, **stores, shards=2)
    await first.start()
    assert await first.stop() == 0
    status, log = await Server(state_dir, **stores, shards=3).fails()
    assert status != 0
    assert "set TOLLGATE_SHARDS=2" in log
    assert "Traceback" not in log


async def test_a_store_that_is_not_there_is_named(
    state_dir: Path, postgres_dsn: str, redis_url: str
) -> None:
    nowhere = "redis://127.0.0.1:1/0"
    status, log = await Server(state_dir, redis_url=nowhere, postgres_dsn=postgres_dsn).fails()
    assert status != 0
    assert "TOLLGATE_REDIS_URL" in log
    assert "Traceback" not in log
    nowhere = "postgresql://127.0.0.1:1/x"
    status, log = await Server(state_dir, redis_url=redis_url, postgres_dsn=nowhere).fails()
    assert status != 0
    assert "TOLLGATE_POSTGRES_DSN" in log
    assert "Traceback" not in log


async def test_a_second_start_on_the_same_state_directory_is_refused(deploy: Deploy) -> None:
    async with deploy() as deployment:
        server = deployment.server
        assert server.process is not None
        second = Server(server.state_dir)
        second._log = server.state_dir / "second.log"
        status, log = await second.fails()
        assert status != 0
        assert re.search(rf"process {server.process.pid}\b", log)
        assert "Traceback" not in log
        await deployment.admin.told(Gateway(deployment.admin).report("{", 1))
