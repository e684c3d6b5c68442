"""Fixtures of the payments' tests."""

from collections.abc import AsyncIterator

import pytest

from tests.integration.api.conftest import Install, install, transport
from tests.integration.payments.office import Office, opened

__all__ = ["install", "transport"]


@pytest.fixture
async def office(install: Install) -> AsyncIterator[Office]:
    """An office with all providers, in test mode."""
    async with opened(install) as running:
        yield running
