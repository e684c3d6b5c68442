"""Whom a tenant tells of what, as fields of a form."""

import re
from typing import NamedTuple

from server.console.access.forgery import text_of
from server.console.visit import Visit
from tollgate.v1 import history_pb2 as history
from tollgate.v1 import notifications_pb2 as pb

EVENTS = tuple(range(pb.EVENT_KIND_LOW_BALANCE, pb.EVENT_KIND_PAYMENT_FAILED + 1))
LANGUAGES = {"ru": history.LANGUAGE_RUSSIAN, "en": history.LANGUAGE_ENGLISH}
_BETWEEN = re.compile(r"[\s,;]+")


class Told(NamedTuple):
    """The fields as they are shown and sent."""

    emails: str
    telegram_enabled: bool
    telegram_chat_id: str
    webhook_url: str
    language: str
    events: frozenset[int]


def shown_told(settings: pb.NotificationSettings) -> Told:
    """What the fields hold."""
    russian = settings.language == history.LANGUAGE_RUSSIAN
    return Told(
        ", ".join(settings.emails),
        settings.telegram_enabled,
        settings.telegram_chat_id,
        settings.webhook_url,
        "ru" if russian else "en",
        frozenset(settings.events),
    )


def sent_told(visit: Visit) -> Told:
    """What the fields of the form hold."""
    form = visit.form
    ticked = {each for each in form.getlist("events") if isinstance(each, str)}
    return Told(
        text_of(form, "emails"),
        text_of(form, "telegram_enabled") == "1",
        text_of(form, "telegram_chat_id"),
        text_of(form, "webhook_url"),
        text_of(form, "language"),
        frozenset(each for each in EVENTS if str(each) in ticked),
    )


def change_of(
    before: pb.NotificationSettings, tenant_id: str, told: Told, request_id: str
) -> pb.UpdateNotificationSettingsRequest | None:
    """The change from what is; None when nothing differs."""
    wanted = pb.NotificationSettings(
        emails=[each for each in _BETWEEN.split(told.emails) if each],
        telegram_enabled=told.telegram_enabled,
        telegram_chat_id=told.telegram_chat_id,
        webhook_url=told.webhook_url,
        language=LANGUAGES.get(told.language, history.LANGUAGE_ENGLISH),
        events=sorted(told.events),  # type: ignore[arg-type]
    )
    old, new = shown_told(before), shown_told(wanted)
    changed = [name for name in Told._fields if getattr(old, name) != getattr(new, name)]
    if not changed:
        return None
    request = pb.UpdateNotificationSettingsRequest(
        request_id=request_id, tenant_id=tenant_id, settings=wanted
    )
    request.update_mask.paths.extend(changed)
    return request
