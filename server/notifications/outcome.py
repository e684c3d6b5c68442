"""What became of one attempt to tell somebody, as values."""

from datetime import datetime
from typing import NamedTuple


class Sent(NamedTuple):
    """The receiver took it."""


class Failed(NamedTuple):
    """It did not get through, for a reason that the tenant may read. It is tried again, not before
    `not_before` where the channel asked for that; a `final` one is not.
    """

    why: str
    final: bool = False
    not_before: datetime | None = None


class Blocked(NamedTuple):
    """The receiver wants nothing more from this channel: it is switched off for the tenant."""

    why: str


class Moved(NamedTuple):
    """The chat has another number from now on."""

    chat_id: str


class Wait(NamedTuple):
    """Nothing was tried: the channel may be used again only then."""

    until: datetime


Outcome = Sent | Failed | Blocked | Moved | Wait
