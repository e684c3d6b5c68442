"""Whom a tenant wants to be told of what, as a value, and what every field must be."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from ledger.notifications.event import CHOSEN, Kind
from ledger.organisations.requisites import Fault, check_email

MAX_EMAILS = 10
MAX_URL = 2_000
LANGUAGES = ("en", "ru")
FIELDS = (
    "emails", "telegram_enabled", "telegram_chat_id", "webhook_url", "language", "events",
)  # fmt: skip
_CHAT = re.compile(r"-?[1-9][0-9]{0,18}|@[A-Za-z][A-Za-z0-9_]{4,31}")
_URL = re.compile(r"https?://[!-~]+")


@dataclass(frozen=True, slots=True)
class Preferences:
    """A tenant's notification settings, without the secret that signs posts.

    `telegram_error` tells why Telegram was switched off for the tenant.
    """

    emails: tuple[str, ...] = ()
    telegram_enabled: bool = False
    telegram_chat_id: str = ""
    telegram_error: str = ""
    webhook_url: str = ""
    webhook_secret_made_at: datetime | None = None
    language: str = "en"
    events: tuple[Kind, ...] = CHOSEN

    def changed(self, changes: Mapping[str, Any]) -> "Preferences":
        """With other values of some FIELDS. Touching Telegram forgets why it was switched off."""
        after = replace(self, **changes)
        if changes.keys() & {"telegram_enabled", "telegram_chat_id"}:
            after = replace(after, telegram_error="")
        return after

    def faults(self) -> list[Fault]:
        """Everything that is wrong."""
        found = [*_email_faults(self.emails), *_webhook_faults(self.webhook_url)]
        if self.telegram_chat_id and not _CHAT.fullmatch(self.telegram_chat_id):
            must = "must be a chat's number, such as -1001234567890, or a public channel's @name"
            found.append(Fault("telegram_chat_id", "CHAT_FORM", must))
        if self.telegram_enabled and not self.telegram_chat_id:
            must = "must be given while telegram_enabled"
            found.append(Fault("telegram_chat_id", "REQUIRED", must))
        return found

    def to_document(self) -> dict[str, Any]:
        """In values that JSON can hold."""
        made_at = self.webhook_secret_made_at
        return {
            **{name: getattr(self, name) for name in self.__slots__},
            "webhook_secret_made_at": made_at and made_at.isoformat(),
        }

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> "Preferences":
        """From a row, or from `to_document`."""
        made_at = values["webhook_secret_made_at"]
        if isinstance(made_at, str):
            made_at = datetime.fromisoformat(made_at)
        plain = {name: values[name] for name in cls.__slots__}
        return cls(
            **plain
            | {
                "emails": tuple(values["emails"]),
                "webhook_secret_made_at": made_at,
                "events": tuple(map(Kind, values["events"])),
            }
        )


def _email_faults(emails: tuple[str, ...]) -> list[Fault]:
    found = [] if len(emails) <= MAX_EMAILS else [_too_many()]
    if len({email.lower() for email in emails}) < len(emails):
        found.append(Fault("emails", "DUPLICATE", "must not name an address twice"))
    for position, email in enumerate(emails):
        fault = check_email(email)
        if fault is not None:
            must = "must be one e-mail address in Latin letters, such as buh@example.ru"
            found.append(Fault(f"emails[{position}]", "EMAIL_FORM", must))
    return found


def _too_many() -> Fault:
    return Fault("emails", "TOO_MANY", f"must be at most {MAX_EMAILS} addresses")


def _webhook_faults(url: str) -> list[Fault]:
    if not url:
        return []
    must = f"must be a URL such as https://example.com/tollgate, at most {MAX_URL} characters"
    fault = Fault("webhook_url", "URL_FORM", must)
    if len(url) > MAX_URL or not _URL.fullmatch(url):
        return [fault]
    try:
        parts = urlsplit(url)
        sound = bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is none, brackets that do not close
        return [fault]
    if not sound:
        return [fault]
    if parts.username is not None or parts.password is not None or parts.fragment:
        must = "must name no user, no password and no fragment: posts are signed"
        return [Fault("webhook_url", "URL_FORM", must)]
    return []
