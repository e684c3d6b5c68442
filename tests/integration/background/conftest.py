"""Fixtures of the background jobs' tests: those of the API's."""

from tests.integration.api.conftest import gateway, install, installation

__all__ = ["gateway", "install", "installation"]
