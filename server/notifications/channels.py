"""The channels that the settings set up, and one attempt through them."""

from collections.abc import Mapping
from datetime import datetime

from ledger.notifications.notification import Channel
from ledger.notifications.queue import Delivery
from server.notifications.mail import Mail, MailServer
from server.notifications.outcome import Failed, Outcome
from server.notifications.settings import ChannelSettings, sender_of, unset_channels
from server.notifications.telegram import Telegram
from server.notifications.webhook import Webhook
from server.notifications.writer import Writer


class Channels:
    """Sends a delivery by its channel."""

    def __init__(self, settings: ChannelSettings, writer: Writer) -> None:
        self._unset: Mapping[Channel, str] = unset_channels(settings)
        self._writer = writer
        self._mail = _mail(settings)
        self._telegram = _telegram(settings)
        self._webhook = Webhook(
            allow_http=settings.webhook_allow_http, allow_private=settings.webhook_allow_private
        )

    async def send(self, delivery: Delivery, now: datetime) -> Outcome:
        """One attempt. Raises LedgerUnavailable when the message cannot be written now."""
        if delivery.channel is Channel.WEBHOOK:
            return await self._webhook.send(delivery, int(now.timestamp()))
        if delivery.channel is Channel.EMAIL and self._mail is not None:
            return await self._mail.send(delivery, await self._writer.text(delivery, now))
        if delivery.channel is Channel.TELEGRAM and self._telegram is not None:
            text = await self._writer.text(delivery, now)
            return await self._telegram.send(delivery, text, now)
        return Failed(self._unset[delivery.channel])

    async def close(self) -> None:
        """Closes what is open."""
        await self._webhook.close()
        if self._telegram is not None:
            await self._telegram.close()


def _mail(settings: ChannelSettings) -> Mail | None:
    if settings.smtp_url is None:
        return None
    sender = sender_of(settings.smtp_from or "")
    assert sender is not None, "the settings were checked"
    return Mail(MailServer.of(settings.smtp_url.get_secret_value()), sender)


def _telegram(settings: ChannelSettings) -> Telegram | None:
    token = settings.telegram_bot_token
    if token is None:
        return None
    return Telegram(token.get_secret_value(), settings.telegram_base_url)
