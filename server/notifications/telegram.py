"""Writes to tenants' Telegram chats through the Bot API."""

from datetime import datetime, timedelta
from typing import Any

import httpx

from ledger.notifications.queue import Delivery
from server.notifications.outcome import Blocked, Failed, Moved, Outcome, Sent, Wait
from server.notifications.pace import Pace
from server.notifications.wording import Text

TIMEOUT_S = 10.0
BAD_REQUEST, FORBIDDEN, TOO_MANY = 400, 403, 429
REFUSES_THE_BOT = (401, 404)
LONGEST_WAIT_S = 86_400
MAX_REASON = 120


class Telegram:
    """The channel of Telegram messages. The bot's token is in the URL: errors are told by their
    type alone.
    """

    def __init__(self, token: str, base_url: str) -> None:
        self._url = f"{base_url.rstrip('/')}/bot{token}/sendMessage"
        self._client = httpx.AsyncClient(timeout=TIMEOUT_S)
        self._pace = Pace()

    async def send(self, delivery: Delivery, text: Text, now: datetime) -> Outcome:
        """Writes to the chat, unless it is not its turn."""
        chat_id = delivery.target
        until = self._pace.take(chat_id, now)
        if until is not None:
            return Wait(until)
        message = {
            "chat_id": chat_id,
            "text": f"{text.subject}\n\n{text.body}",
            "link_preview_options": {"is_disabled": True},
        }
        try:
            reply = await self._client.post(self._url, json=message)
        except httpx.TimeoutException:
            return Failed(f"Telegram did not answer within {TIMEOUT_S:.0f} seconds")
        except httpx.HTTPError as error:
            return Failed(f"Telegram could not be reached: {type(error).__name__}")
        return self._outcome(chat_id, reply.status_code, _json(reply), now)

    def _outcome(self, chat_id: str, status: int, answer: dict[str, Any], now: datetime) -> Outcome:
        if status == httpx.codes.OK and answer.get("ok") is True:
            return Sent()
        parameters = answer.get("parameters")
        parameters = parameters if isinstance(parameters, dict) else {}
        moved_to = parameters.get("migrate_to_chat_id")
        if isinstance(moved_to, int):
            return Moved(str(moved_to))
        if status == TOO_MANY:
            until = now + timedelta(seconds=_seconds(parameters.get("retry_after")))
            self._pace.hold(chat_id, until)
            return Failed("Telegram asks to wait", not_before=until)
        said = _printable(answer.get("description"))
        if status == FORBIDDEN:
            return Blocked(f"Telegram refuses this chat: {said}")
        if status in REFUSES_THE_BOT:
            return Failed("Telegram refuses the bot: see TOLLGATE_TELEGRAM_BOT_TOKEN")
        return Failed(f"Telegram answered {status}: {said}", final=status == BAD_REQUEST)

    async def close(self) -> None:
        """Closes what is open."""
        await self._client.aclose()


def _json(reply: httpx.Response) -> dict[str, Any]:
    try:
        answer = reply.json()
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) else {}


def _seconds(retry_after: object) -> int:
    if not isinstance(retry_after, int):
        return 1
    return max(1, min(retry_after, LONGEST_WAIT_S))


def _printable(text: object) -> str:
    words = str(text or "no reason given")[:MAX_REASON]
    return "".join(character if character.isprintable() else " " for character in words)
