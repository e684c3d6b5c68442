"""A notification as a value: one message to one receiver."""

from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from ledger.notifications.event import Kind


class Channel(StrEnum):
    """A way to tell a tenant."""

    EMAIL = "email"
    TELEGRAM = "telegram"
    WEBHOOK = "webhook"


class State(StrEnum):
    """Where a notification is in its life."""

    QUEUED = "queued"
    RETRYING = "retrying"
    SENT = "sent"
    DEAD = "dead"


OPEN = (State.QUEUED, State.RETRYING)


class Notification(NamedTuple):
    """What became of a message so far. `due_at` counts while it is open; `why` tells of the last
    attempt that failed. `n` orders notifications by when they were queued.
    """

    id: str
    n: int
    event: str
    kind: Kind
    happened_at: datetime
    channel: Channel
    receiver: str
    state: State
    attempts: int
    due_at: datetime
    sent_at: datetime | None
    why: str
