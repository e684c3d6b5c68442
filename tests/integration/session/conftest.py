"""Fixtures of the stream's tests: those of the API's, and an open stream."""

from collections.abc import AsyncIterator

import pytest

from tests.integration.api.conftest import gateway, install, installation, transport
from tests.integration.api.installation import ADMIN_KEY, Installation
from tests.integration.api.stream import Stream, stream

__all__ = ["gateway", "install", "installation", "transport"]


@pytest.fixture
async def session(installation: Installation) -> AsyncIterator[Stream]:
    """A stream under the administrator's key."""
    async with stream(installation.channel, ADMIN_KEY) as opened:
        yield opened
