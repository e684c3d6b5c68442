"""Fixtures of the console's tests: a console with two tenants."""

from collections.abc import AsyncIterator

import pytest

from tests.integration.api.conftest import Install, install, transport
from tests.integration.console.browser import House, opened

__all__ = ["install", "transport"]


@pytest.fixture
async def house(install: Install) -> AsyncIterator[House]:
    """A console; acme has a dollar, globex two."""
    async with install() as installation, opened(installation) as running:
        await installation.tenant("acme", balance=1_000_000)
        await installation.tenant("globex", balance=2_000_000)
        yield running
