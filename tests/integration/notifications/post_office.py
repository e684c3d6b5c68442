"""Real receivers inside the tests: a mail server, a Telegram, and a webhook's HTTP server. Each can
be stopped and started again at the same address.
"""

import asyncio
import email.policy
from collections.abc import Callable
from contextlib import AsyncExitStack
from email.message import EmailMessage
from email.parser import BytesParser
from typing import Any, NamedTuple

from aiosmtpd.smtp import SMTP, Envelope, Session
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from server.http import http_server
from server.sockets import address_of, reserve


class MailServer:
    """Takes mail by SMTP. `answer` is what it says to a message; `refused` are addresses that it
    does not know.
    """

    def __init__(self) -> None:
        self.taken: list[EmailMessage] = []
        self.receivers: list[str] = []
        self.answer = "250 OK"
        self.refused: set[str] = set()
        self._port = 0
        self._server: asyncio.Server | None = None
        self._spoken_to: set[SMTP] = set()

    @property
    def url(self) -> str:
        """For TOLLGATE_SMTP_URL."""
        return f"smtp://127.0.0.1:{self._port}"

    async def start(self) -> None:
        """Listens, at the same port as before."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._speak, "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]

    def _speak(self) -> SMTP:
        spoken = SMTP(self, enable_SMTPUTF8=False, hostname="mail.example.com")
        self._spoken_to.add(spoken)
        return spoken

    async def stop(self) -> None:
        """Refuses connections from then on."""
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()
            self._server = None
        for spoken in self._spoken_to:
            if spoken.transport is not None:
                spoken.transport.close()
            handler = spoken._handler_coroutine
            if handler is not None:
                handler.cancel()
                await asyncio.gather(handler, return_exceptions=True)
        self._spoken_to.clear()

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Whether an address is known."""
        if address in self.refused:
            return "550 5.1.1 no such user"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """A message."""
        assert isinstance(envelope.content, bytes)
        if self.answer.startswith("250"):
            parsed: Any = BytesParser(policy=email.policy.default).parsebytes(envelope.content)
            self.taken.append(parsed)
            self.receivers += envelope.rcpt_tos
        return self.answer


class Asked(NamedTuple):
    """A request that a server got."""

    path: str
    headers: dict[str, str]
    body: bytes
    json: Any


class HttpServer:
    """Answers every POST with `reply`, and keeps what it was asked."""

    def __init__(self, reply: Callable[[Asked], Response]) -> None:
        self.asked: list[Asked] = []
        self.reply = reply
        self._address = "127.0.0.1:0"
        self._running = AsyncExitStack()

    @property
    def url(self) -> str:
        """Its base address."""
        return f"http://{self._address}"

    async def start(self) -> None:
        """Listens, at the same port as before."""
        app = Starlette(routes=[Route("/{path:path}", self._answer, methods=["POST"])])
        listening = self._running.enter_context(reserve(self._address))
        self._address = address_of(listening)
        await self._running.enter_async_context(http_server(app, listening))

    async def stop(self) -> None:
        """Refuses connections from then on."""
        await self._running.aclose()

    async def _answer(self, request: Request) -> Response:
        body = await request.body()
        asked = Asked(request.url.path, dict(request.headers), body, await request.json())
        self.asked.append(asked)
        return self.reply(asked)


def telegram_takes(_asked: Asked) -> Response:
    """As Telegram answers when all is well."""
    return JSONResponse({"ok": True, "result": {"message_id": 1}})


def telegram_says(status: int, description: str, **parameters: Any) -> Callable[..., Response]:
    """As Telegram answers when something is not."""
    answer = {"ok": False, "error_code": status, "description": description}
    if parameters:
        answer["parameters"] = parameters
    return lambda _asked: JSONResponse(answer, status_code=status)


def answers(status: int, **headers: str) -> Callable[..., Response]:
    """A plain status."""
    return lambda _asked: Response(status_code=status, headers=headers)
