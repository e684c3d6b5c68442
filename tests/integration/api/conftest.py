"""Fixtures of the API's tests: one worker on empty stores, and a gateway with a tenant."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from functools import partial

import pytest

from tests.integration.api.gateway import Gateway
from tests.integration.api.installation import Installation, installed

Install = Callable[..., AbstractAsyncContextManager[Installation]]


@pytest.fixture
def install(redis_url: str, postgres_dsn: str) -> Install:
    """Installs a worker with settings of the test's choice."""
    return partial(installed, redis_url, postgres_dsn)


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
