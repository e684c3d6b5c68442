"""Notifications and their settings as clients see them."""

from collections.abc import Mapping

from ledger.notifications.event import Kind
from ledger.notifications.notification import OPEN, Channel, Notification, State
from ledger.notifications.preferences import Preferences
from tollgate.v1 import history_pb2
from tollgate.v1 import notifications_pb2 as pb

KINDS = {kind: pb.EventKind.Value(f"EVENT_KIND_{kind.name}") for kind in Kind}
CHANNELS = {channel: pb.Channel.Value(f"CHANNEL_{channel.name}") for channel in Channel}
STATES = {state: pb.NotificationState.Value(f"NOTIFICATION_STATE_{state.name}") for state in State}
LANGUAGES = {"en": history_pb2.LANGUAGE_ENGLISH, "ru": history_pb2.LANGUAGE_RUSSIAN}


def shown(notification: Notification) -> pb.Notification:
    """The notification as clients see it."""
    message = pb.Notification(
        notification_id=notification.id,
        event_id=notification.event,
        kind=KINDS[notification.kind],
        channel=CHANNELS[notification.channel],
        receiver=notification.receiver,
        state=STATES[notification.state],
        attempts=notification.attempts,
        why=notification.why,
    )
    message.happened_at.FromDatetime(notification.happened_at)
    if notification.state in OPEN:
        message.next_attempt_at.FromDatetime(notification.due_at)
    if notification.sent_at is not None:
        message.sent_at.FromDatetime(notification.sent_at)
    return message


def shown_settings(preferences: Preferences) -> pb.NotificationSettings:
    """The settings as clients see them."""
    message = pb.NotificationSettings(
        emails=preferences.emails,
        telegram_enabled=preferences.telegram_enabled,
        telegram_chat_id=preferences.telegram_chat_id,
        telegram_error=preferences.telegram_error,
        webhook_url=preferences.webhook_url,
        language=LANGUAGES[preferences.language],
        events=[KINDS[kind] for kind in preferences.events],
    )
    if preferences.webhook_secret_made_at is not None:
        message.webhook_secret_made_at.FromDatetime(preferences.webhook_secret_made_at)
    return message


def shown_channels(unset: Mapping[Channel, str]) -> list[pb.ChannelStatus]:
    """What the installation can use; `unset` says why not."""
    return [
        pb.ChannelStatus(channel=number, ready=channel not in unset, why=unset.get(channel, ""))
        for channel, number in CHANNELS.items()
    ]
