"""How fast the Telegram bot may write: about a message a second to a chat, thirty in all."""

from collections import deque
from datetime import datetime, timedelta

CHAT_PAUSE = timedelta(seconds=1)
ALL_WITHIN = timedelta(seconds=1)
ALL_AT_MOST = 30


class Pace:
    """Knows when a chat may be written to; what a process does not know it learns from refusals."""

    def __init__(self) -> None:
        self._free_at: dict[str, datetime] = {}
        self._lately: deque[datetime] = deque()

    def take(self, chat_id: str, now: datetime) -> datetime | None:
        """Takes the turn for a message; or tells when there may be one."""
        self._forget(now)
        free_at = self._free_at.get(chat_id, now)
        if len(self._lately) >= ALL_AT_MOST:
            free_at = max(free_at, self._lately[0] + ALL_WITHIN)
        if free_at > now:
            return free_at
        self._lately.append(now)
        self._free_at[chat_id] = now + CHAT_PAUSE
        return None

    def hold(self, chat_id: str, until: datetime) -> None:
        """Keeps a chat waiting, as Telegram asked."""
        self._free_at[chat_id] = until

    def _forget(self, now: datetime) -> None:
        while self._lately and self._lately[0] + ALL_WITHIN <= now:
            self._lately.popleft()
        if len(self._free_at) > 10 * ALL_AT_MOST:
            self._free_at = {chat: at for chat, at in self._free_at.items() if at > now}
