"""The connection goes to an address, and TLS is still held against the name in the URL."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import pytest
import trustme

from server.notifications.outcome import Failed, Outcome, Sent
from server.notifications.webhook import Webhook
from tests.unit.notifications.samples import delivery

Post = Callable[[str], Awaitable[Outcome]]


@pytest.fixture
async def post() -> AsyncIterator[Post]:
    """Posts to a server on localhost whose certificate is for a name, by an authority we trust."""
    authority = trustme.CA()
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    webhook = Webhook(allow_private=True, tls=trusting)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(webhook.close)

        async def to_server_of(name: str) -> Outcome:
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            authority.issue_cert(name).configure_cert(context)
            server = await asyncio.start_server(_take, "localhost", 0, ssl=context)
            port = server.sockets[0].getsockname()[1]
            async with server:
                at_port = delivery(target=f"https://localhost:{port}/hook")
                return await webhook.send(at_port, 1_700_000_000)

        yield to_server_of


async def _take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
    await writer.drain()
    writer.close()


async def test_a_certificate_of_the_name_is_taken(post: Post) -> None:
    assert await post("localhost") == Sent()


async def test_a_certificate_of_another_name_or_of_the_address_is_not(post: Post) -> None:
    for name in ("example.com", "127.0.0.1"):
        outcome = await post(name)
        assert isinstance(outcome, Failed)
        assert not outcome.final
