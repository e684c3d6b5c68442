"""A browser as far as HTTP goes: cookies, forms with their token, and no redirect by itself."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
from pydantic import SecretStr

from server.console.console import Console
from server.http import application, http_server
from server.sockets import address_of, reserve
from tests.integration.api.installation import Installation, fresh_id
from tollgate.v1 import console_pb2

SECRET = SecretStr("s" * 64)
_TOKEN = re.compile(r'name="token" value="([0-9a-f]{64})"')


class Browser:
    """One person's browser."""

    def __init__(self, web: httpx.AsyncClient, installation: Installation) -> None:
        self.web, self._installation = web, installation

    async def get(self, path: str, **options: Any) -> httpx.Response:
        """Opens a page."""
        return await self.web.get(path, **options)

    async def post(
        self, path: str, page: str = "/console/sign-in", **fields: str
    ) -> httpx.Response:
        """Sends a form as if from a page, with that page's token."""
        token = token_in(await self.get(page))
        return await self.web.post(path, data={"token": token, **fields})

    async def sign_in(self, *scopes: str) -> str:
        """Signs in by a new key with the scopes; the key's id."""
        made = await self._installation.key(*scopes)
        entered = await self.post("/console/sign-in", key=made.api_key)
        assert entered.status_code == 303, entered.text
        return made.key.key_id

    async def link(self, tenant_id: str = "") -> str:
        """The path of a link that an administrator makes."""
        request = console_pb2.CreateConsoleLinkRequest(request_id=fresh_id(), tenant_id=tenant_id)
        url: str = (await self._installation.admin(request)).url
        return httpx.URL(url).path

    async def events(self, path: str) -> AsyncIterator[str]:
        """The messages of a stream, one text each."""
        async with self.web.stream("GET", path, timeout=20) as response:
            assert response.status_code == 200, await response.aread()
            held = ""
            async for piece in response.aiter_text():
                held += piece
                *whole, held = held.split("\n\n")
                for message in whole:
                    yield message


def token_in(page: httpx.Response) -> str:
    """The token of a page's forms."""
    found = _TOKEN.search(page.text)
    assert found is not None, page.text
    return found[1]


class House:
    """A console at an address, and browsers that look at it."""

    def __init__(self, installation: Installation, console: Console, address: str) -> None:
        self.installation, self.console, self.address = installation, console, address
        self._browsers: list[httpx.AsyncClient] = []

    def browser(self, **headers: str) -> Browser:
        """A browser without cookies."""
        web = httpx.AsyncClient(base_url=f"http://{self.address}", headers=headers, timeout=20)
        self._browsers.append(web)
        return Browser(web, self.installation)

    async def signed_in(self, *scopes: str) -> Browser:
        """A browser that is signed in by a new key."""
        browser = self.browser()
        await browser.sign_in(*scopes)
        return browser

    async def close(self) -> None:
        """Closes the browsers."""
        for web in self._browsers:
            await web.aclose()


@asynccontextmanager
async def opened(installation: Installation, **changes: Any) -> AsyncIterator[House]:
    """The console of an installation; `changes` are settings."""
    deadline_s = changes.pop("deadline_s", 10.0)
    settings = installation.settings.model_copy(update={"console_secret": SECRET} | changes)
    access = installation.parts.console_access
    console = Console(
        settings, installation.services, installation.ring, access, deadline_s=deadline_s
    )
    with reserve("127.0.0.1:0") as listening:
        web = application(installation.parts.health, routes=console.routes)
        async with http_server(web, listening):
            house = House(installation, console, address_of(listening))
            try:
                yield house
            finally:
                console.drain()
                await house.close()
