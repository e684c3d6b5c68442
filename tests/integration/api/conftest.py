"""Fixtures of the API's tests: one worker on empty stores, and a gateway with a tenant."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from functools import partial

import pytest

from tests.integration.api.client import Client
from tests.integration.api.gateway import Gateway
from tests.integration.api.installation import Installation, installed
from tests.integration.api.over_session import SessionClient

Install = Callable[..., AbstractAsyncContextManager[Installation]]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Tests of rules that hold for both transports run over each."""
    marked = metafunc.definition.get_closest_marker("both_transports")
    if marked and "transport" in metafunc.fixturenames:
        metafunc.parametrize("transport", ["unary", "session"], indirect=True)


@pytest.fixture
def transport(request: pytest.FixtureRequest) -> str:
    """How calls travel to the server."""
    return getattr(request, "param", "unary")


@pytest.fixture
def install(redis_url: str, postgres_dsn: str, transport: str) -> Install:
    """Installs a worker with settings of the test's choice."""
    client = SessionClient if transport == "session" else Client
    return partial(installed, redis_url, postgres_dsn, client=client)


@pytest.fixture
async def installation(install: Install) -> AsyncIterator[Installation]:
    """A worker whose outbox is posted, and whose leases last."""
    async with install() as running:
        yield running


@pytest.fixture
async def gateway(installation: Installation) -> Gateway:
    """A gateway of the tenant `acme`, which has a dollar: a thousand seconds."""
    await installation.tenant("acme", balance=1_000_000)
    return Gateway(installation.admin)
