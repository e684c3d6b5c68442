"""Fixtures of the background jobs' tests: those of the API's."""

from tests.integration.api.conftest import gateway, install, installation, transport

__all__ = ["gateway", "install", "installation", "transport"]
