"""Fixtures of the notifications' tests."""

from tests.integration.api.conftest import install, installation, transport

__all__ = ["install", "installation", "transport"]
