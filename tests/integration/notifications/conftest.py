"""Fixtures of the notifications' tests: an installation whose channels lead to real servers."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import SecretStr

from ledger.notifications.notification import Channel
from ledger.notifications.queue import NotificationQueue
from server.notifications.courier import Courier
from tests.integration.api.conftest import Install, install, installation, transport
from tests.integration.api.installation import Installation
from tests.integration.notifications.asking import update
from tests.integration.notifications.post_office import (
    HttpServer,
    MailServer,
    answers,
    telegram_takes,
)

__all__ = ["install", "installation", "transport"]

BOT = "123456:secret-of-the-bot"
CHAT = "-1001234567890"


class Clock:
    """The courier's time, moved by hand; ahead of what a test does in its own time."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC) + timedelta(minutes=1)

    def __call__(self) -> datetime:
        return self.now

    def pass_by(self, **span: float) -> None:
        """Lets time pass."""
        self.now += timedelta(**span)


class Post:
    """An installation, its receivers, and a courier that goes when a test says so."""

    def __init__(
        self,
        installation: Installation,
        mail: MailServer,
        telegram: HttpServer,
        webhook: HttpServer,
    ) -> None:
        self.installation, self.admin = installation, installation.admin
        self.mail, self.telegram, self.webhook = mail, telegram, webhook
        self.clock = Clock()
        self.queue = NotificationQueue(installation.parts._pool, self.clock)
        self.courier = self.another_courier()

    def another_courier(self) -> Courier:
        """As another process would have."""
        channels = self.installation.parts.notifying.channels
        return Courier(self.queue, channels, self.clock, lambda: 0.5)

    async def tell_acme(self, **settings: Any) -> str:
        """Lets acme be told by every channel, or by those that are given; the webhook's secret."""
        given = settings or {
            "emails": ["it@example.com"],
            "telegram_enabled": True,
            "telegram_chat_id": CHAT,
            "webhook_url": f"{self.webhook.url}/hook",
        }
        return str((await self.admin(update(**given))).webhook_secret)

    async def go(self, *channels: Channel) -> None:
        """Lets the courier try what is due."""
        for channel in channels or Channel:
            while await self.courier.deliver(channel):
                pass

    async def go_for(self, **span: float) -> None:
        """Lets time pass, with the courier going at every time at which something is due."""
        end = self.clock.now + timedelta(**span)
        await self.go()
        waiting = "SELECT min(due_at) FROM notifications WHERE state IN ('queued', 'retrying')"
        while (due := await self.installation.ledger(waiting)) is not None and due <= end:
            self.clock.now = max(self.clock.now, due)
            await self.go()
        self.clock.now = end


@pytest.fixture
async def mail() -> AsyncIterator[MailServer]:
    server = MailServer()
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def telegram() -> AsyncIterator[HttpServer]:
    server = HttpServer(telegram_takes)
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def webhook() -> AsyncIterator[HttpServer]:
    server = HttpServer(answers(204))
    await server.start()
    yield server
    await server.stop()


Opened = Callable[..., Any]


@pytest.fixture
def open_post(
    install: Install, mail: MailServer, telegram: HttpServer, webhook: HttpServer
) -> Opened:
    """Opens a post with other settings: `async with open_post(smtp_url=None) as post:`"""

    @asynccontextmanager
    async def opened(**changes: Any) -> AsyncIterator[Post]:
        settings = {
            "smtp_url": SecretStr(mail.url),
            "smtp_from": "Tollgate <billing@tollgate.example>",
            "telegram_bot_token": SecretStr(BOT),
            "telegram_base_url": telegram.url,
            "webhook_allow_http": True,
            "webhook_allow_private": True,
        }
        async with install(**settings | changes) as installation:
            await installation.tenant("acme")
            yield Post(installation, mail, telegram, webhook)

    return opened


@pytest.fixture
async def post(open_post: Opened) -> AsyncIterator[Post]:
    """A post whose channels are all set up, and the tenant acme."""
    async with open_post() as opened:
        yield opened
