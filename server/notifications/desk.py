"""Notifications over the API: their settings, tests, and what became of each."""

from collections.abc import Mapping
from typing import Any

from ledger.notifications.event import CHOSEN
from ledger.notifications.preferences import FIELDS, Preferences
from ledger.notifications.register import NEWEST, Notifications
from ledger.notifications.settings import NotificationSettings
from server.billing.form import Form
from server.billing.organisations import mutation, row_after
from server.billing.pending_debits import PendingDebits
from server.notifications.settings import ChannelSettings, unset_channels
from server.notifications.shown import (
    CHANNELS,
    KINDS,
    LANGUAGES,
    STATES,
    shown,
    shown_channels,
    shown_settings,
)
from server.paging import page_size, token
from tollgate.v1 import notifications_pb2 as pb

_KINDS = {KINDS[kind]: kind for kind in CHOSEN}
_CHANNELS = {number: channel for channel, number in CHANNELS.items()}
_STATES = {number: state for state, number in STATES.items()}
_LANGUAGES = {number: language for language, number in LANGUAGES.items()}


class NotificationDesk:
    """Answers what tenants and administrators ask of notifications."""

    def __init__(
        self,
        settings: NotificationSettings,
        notifications: Notifications,
        debits: PendingDebits,
        channels: ChannelSettings,
    ) -> None:
        self._settings, self._notifications = settings, notifications
        self._debits, self._channels = debits, channels

    async def get_settings(
        self, request: pb.GetNotificationSettingsRequest
    ) -> pb.GetNotificationSettingsResponse:
        """Reads whom to tell of what."""
        form = Form()
        form.id("tenant_id", request.tenant_id)
        form.done()
        found = await self._settings.get(request.tenant_id)
        return pb.GetNotificationSettingsResponse(
            settings=shown_settings(found), channels=shown_channels(unset_channels(self._channels))
        )

    async def update_settings(
        self, request: pb.UpdateNotificationSettingsRequest
    ) -> pb.UpdateNotificationSettingsResponse:
        """Changes what the mask names."""
        changes = _changes(request)
        await self._debits.require_unused(request.tenant_id, request.request_id)
        after, secret = await self._settings.update(
            request.request_id, request.tenant_id, changes, self._check
        )
        return pb.UpdateNotificationSettingsResponse(
            settings=shown_settings(after), webhook_secret=secret
        )

    def _check(self, after: Preferences) -> None:
        form = Form()
        for fault in after.faults():
            form.wrong(f"settings.{fault.field}", fault.must, fault.reason)
        if after.webhook_url.startswith("http:") and not self._channels.webhook_allow_http:
            form.wrong("settings.webhook_url", "must begin with https://", "URL_FORM")
        form.done()

    async def rotate_secret(
        self, request: pb.RotateWebhookSecretRequest
    ) -> pb.RotateWebhookSecretResponse:
        """Makes a new secret."""
        mutation(request.request_id, request.tenant_id).done()
        await self._debits.require_unused(request.tenant_id, request.request_id)
        rotated = await self._settings.rotate_secret(request.request_id, request.tenant_id)
        reply = pb.RotateWebhookSecretResponse(webhook_secret=rotated.secret)
        if rotated.old_until is not None:
            reply.old_secret_until.FromDatetime(rotated.old_until)
        return reply

    async def test(
        self, request: pb.SendTestNotificationRequest
    ) -> pb.SendTestNotificationResponse:
        """Queues a test for every receiver."""
        form = mutation(request.request_id, request.tenant_id)
        if not _CHANNELS.keys() >= set(request.channels):
            form.wrong("channels", "must be channels of this release")
        form.done()
        await self._debits.require_unused(request.tenant_id, request.request_id)
        queued = await self._notifications.test(
            request.request_id,
            request.tenant_id,
            [channel for number, channel in _CHANNELS.items() if number in request.channels],
        )
        return pb.SendTestNotificationResponse(notifications=[shown(each) for each in queued])

    async def list(self, request: pb.ListNotificationsRequest) -> pb.ListNotificationsResponse:
        """A page of notifications, the newest first."""
        form = Form()
        form.id("tenant_id", request.tenant_id)
        if not _STATES.keys() >= set(request.states):
            form.wrong("states", "must be states of this release")
        form.done()
        size = page_size(request.page_size)
        found = await self._notifications.list(
            request.tenant_id,
            size,
            row_after(request.page_token, NEWEST),
            [_STATES[number] for number in request.states],
        )
        return pb.ListNotificationsResponse(
            notifications=[shown(each) for each in found],
            next_page_token=token(str(found[-1].n)) if len(found) == size else "",
        )

    async def retry(self, request: pb.RetryNotificationRequest) -> pb.RetryNotificationResponse:
        """Tries a dead one anew."""
        form = mutation(request.request_id, request.tenant_id)
        form.id("notification_id", request.notification_id)
        form.done()
        await self._debits.require_unused(request.tenant_id, request.request_id)
        queued = await self._notifications.retry(
            request.request_id, request.tenant_id, request.notification_id
        )
        return pb.RetryNotificationResponse(notification=shown(queued))


def _changes(request: pb.UpdateNotificationSettingsRequest) -> Mapping[str, Any]:
    asked, paths = request.settings, set(request.update_mask.paths)
    form = mutation(request.request_id, request.tenant_id)
    if not paths or not paths <= set(FIELDS):
        form.wrong("update_mask", "must name some of: " + ", ".join(FIELDS))
    if not _LANGUAGES.keys() | {0} >= {asked.language}:
        form.wrong("settings.language", "must be English or Russian")
    if not _KINDS.keys() >= set(asked.events):
        names = ", ".join(kind.name for kind in CHOSEN)
        form.wrong("settings.events", f"must be some of {names}")
    form.done()
    chosen = {_KINDS[number] for number in asked.events}
    wanted = {
        "emails": tuple(asked.emails),
        "telegram_enabled": asked.telegram_enabled,
        "telegram_chat_id": asked.telegram_chat_id,
        "webhook_url": asked.webhook_url,
        "language": _LANGUAGES.get(asked.language, "en"),
        "events": tuple(kind for kind in CHOSEN if kind in chosen),
    }
    return {name: wanted[name] for name in FIELDS if name in paths}
