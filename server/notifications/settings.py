"""The settings of notifications, a part of the server's settings."""

from collections.abc import Mapping
from email.headerregistry import Address
from email.utils import parseaddr
from typing import Self
from urllib.parse import unquote, urlsplit

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings

from ledger.notifications.notification import Channel
from ledger.organisations.requisites import check_email
from server.payments.settings import Secret, Text, Url

SMTP_SCHEMES = ("smtp", "smtps")


class ChannelSettings(BaseSettings):
    """How e-mail, Telegram messages and webhooks leave the installation."""

    smtp_url: Secret = Field(
        None,
        description="The mail server: smtp://user:password@host:587 (with STARTTLS, which a "
        "password needs) or smtps://user:password@host:465; unset: no e-mail.",
    )
    smtp_from: Text = Field(
        None, description="The sender of mails: billing@example.com, or Name <billing@example.com>."
    )
    telegram_bot_token: Secret = Field(
        None, description="The token of the bot that writes to tenants; unset: no Telegram."
    )
    telegram_base_url: Url = Field(
        "https://api.telegram.org", description="Where the Bot API is; another one for tests."
    )
    webhook_allow_http: bool = Field(
        False, description="Whether tenants' webhooks may be plain http: their content is readable."
    )
    webhook_allow_private: bool = Field(
        False,
        description="Whether tenants' webhooks may reach loopback and private networks: whoever "
        "sets a webhook then reaches what is inside yours.",
    )

    @model_validator(mode="after")
    def _channels_are_sound(self) -> Self:
        if (self.smtp_url is None) != (self.smtp_from is None):
            raise ValueError(
                "TOLLGATE_SMTP_URL and TOLLGATE_SMTP_FROM belong together: set both or none"
            )
        if self.smtp_url is not None and not _is_mail_server(self.smtp_url):
            raise ValueError("TOLLGATE_SMTP_URL must look like smtp://user:password@host:587")
        if self.smtp_from is not None and sender_of(self.smtp_from) is None:
            raise ValueError("TOLLGATE_SMTP_FROM must look like Name <billing@example.com>")
        token = self.telegram_bot_token
        if token is not None and not _is_token(token.get_secret_value()):
            raise ValueError("TOLLGATE_TELEGRAM_BOT_TOKEN must look like 123456:ABC-DEF")
        return self


def sender_of(text: str) -> Address | None:
    """The sender as a header needs it; None when it is none."""
    name, address = parseaddr(text)
    if check_email(address) is not None or not text.isprintable():
        return None
    return Address(display_name=name, addr_spec=address)


def _is_mail_server(url: SecretStr) -> bool:
    try:
        parts = urlsplit(url.get_secret_value())
        port = parts.port
    except ValueError:
        return False
    plain = unquote(f"{parts.username or ''}{parts.password or ''}")
    known = parts.scheme in SMTP_SCHEMES and bool(parts.hostname) and port != 0
    return known and parts.path in ("", "/") and plain.isprintable()


def _is_token(text: str) -> bool:
    number, colon, secret = text.partition(":")
    allowed = secret.replace("-", "").replace("_", "")
    return bool(colon) and number.isdecimal() and allowed.isascii() and allowed.isalnum()


def unset_channels(settings: ChannelSettings) -> Mapping[Channel, str]:
    """Why a channel cannot be used, by channel; without those that can."""
    unset = {}
    if settings.smtp_url is None:
        unset[Channel.EMAIL] = "e-mail is not set up: TOLLGATE_SMTP_URL and TOLLGATE_SMTP_FROM"
    if settings.telegram_bot_token is None:
        unset[Channel.TELEGRAM] = "Telegram is not set up: TOLLGATE_TELEGRAM_BOT_TOKEN"
    return unset
