"""Fixtures of the client's tests: a scripted service, and a real one with a tenant."""

from collections.abc import AsyncIterator

import pytest

from tests.integration.api.installation import Installation, clock_tariff, fresh_id, installed
from tests.integration.client.scripted import Script, playing
from tollgate.v1 import billing_pb2 as billing


@pytest.fixture
async def script() -> AsyncIterator[Script]:
    """A service that does as the test says."""
    async with playing() as running:
        yield running


@pytest.fixture
async def installation(redis_url: str, postgres_dsn: str) -> AsyncIterator[Installation]:
    """A worker, and the tenant `acme` with a dollar: a thousand seconds, none of them free."""
    async with installed(redis_url, postgres_dsn) as running:
        tariff = clock_tariff("strict", free_period_ms=0)
        await running.admin(billing.PutTariffRequest(request_id=fresh_id(), tariff=tariff))
        await running.tenant("acme", balance=1_000_000, tariff="strict")
        yield running
