"""Server-sent events: bounded in number and in length, ended with the session and the server."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, contextmanager
from typing import TYPE_CHECKING, Any

from starlette.responses import Response, StreamingResponse
from starlette.types import Message, Send

from server.console.asking import Declined
from server.errors import Draining, Overloaded, Unauthenticated, tell

if TYPE_CHECKING:
    from server.console.visit import Visit

MAX_STREAMS = 60
# Browsers hold six connections to a host; hidden tabs let theirs go.
MAX_OF_A_SESSION = 5
RETRY_MS = 5_000
# Browsers come back at once; so their cookie is looked at again, and nothing grows old here.
LASTS_S = 900.0
SEND_TIMEOUT_S = 30.0
SESSION_EVERY_S = 5.0
# Shows a browser that is gone, and keeps proxies from cutting what is quiet.
ALIVE_EVERY_S = 15.0
ALIVE = ":\n\n"
SIGNED_OUT = "event: signed-out\ndata: \n\n"


class LiveStreams:
    """Counts the streams that are open in this process."""

    def __init__(self) -> None:
        self._open: Counter[str] = Counter()
        self.draining = False

    def drain(self) -> None:
        """Ends all streams within a second."""
        self.draining = True

    @contextmanager
    def opened(self, session_id: str) -> Iterator[None]:
        """Counts one stream. Raises Draining, Overloaded."""
        if self.draining:
            raise Draining
        if self._open.total() >= MAX_STREAMS or self._open[session_id] >= MAX_OF_A_SESSION:
            raise Overloaded(RETRY_MS, "too many live pages are open")
        self._open[session_id] += 1
        try:
            yield
        finally:
            self._open[session_id] -= 1
            self._open += Counter()  # drops those at zero


async def beats(
    visit: "Visit", source: AsyncGenerator[Any, None], every_s: float
) -> AsyncGenerator[Any, None]:
    """What the source yields, and None when it yields nothing for so long.

    Raises Declined when the session has ended; ends after a while, or when the server goes.
    """
    ends_at = time.monotonic() + LASTS_S
    session_at = time.monotonic() + SESSION_EVERY_S
    next_one: asyncio.Future[Any] | None = None
    try:
        while time.monotonic() < ends_at and not visit.parts.streams.draining:
            if time.monotonic() >= session_at:
                session_at = time.monotonic() + SESSION_EVERY_S
                if not await visit.is_still_signed_in():
                    raise Declined(tell(Unauthenticated()))
            next_one = next_one or asyncio.ensure_future(anext(source))
            await asyncio.wait({next_one}, timeout=every_s)
            if next_one.done():
                seen, next_one = next_one.result(), None
                yield seen
            else:
                yield None
    finally:
        if next_one is not None:
            next_one.cancel()
            await asyncio.gather(next_one, return_exceptions=True)
        await source.aclose()


def partial(target: str, markup: str) -> str:
    """Markup that takes the place of what is inside the element of this id, focus kept."""
    return f'<hx-partial hx-target="#{target}" hx-swap="innerMorph">{markup}</hx-partial>'


async def events(visit: "Visit", source: AsyncGenerator[str, None]) -> Response:
    """A response of messages whose markup the browser puts in its places; empty ones send nothing.

    What fails before the first is raised; later failures end the stream, and browsers come back.
    """
    with visit.parts.streams.opened(visit.session.id):
        first = await anext(source, "")
    return StreamedResponse(_messages(visit, source, first), media_type="text/event-stream")


async def _messages(
    visit: "Visit", source: AsyncGenerator[str, None], first: str
) -> AsyncGenerator[str, None]:
    sent_at = time.monotonic()
    with visit.parts.streams.opened(visit.session.id):
        async with aclosing(source):
            try:
                yield _message(first) or ALIVE
                async for markup in source:
                    if markup or time.monotonic() >= sent_at + ALIVE_EVERY_S:
                        sent_at = time.monotonic()
                        yield _message(markup) or ALIVE
            except Declined as declined:
                if declined.reason == Unauthenticated.reason:
                    yield SIGNED_OUT


def _message(markup: str) -> str:
    lines = [f"data: {line}\n" for line in markup.splitlines() if line.strip()]
    return "".join([*lines, "\n"]) if lines else ""


class StreamedResponse(StreamingResponse):
    """A stream whose source is closed with it, and whose reader must read."""

    def __init__(self, source: AsyncGenerator[Any, None], **options: Any) -> None:
        super().__init__(source, **options)
        self._source = source

    async def stream_response(self, send: Send) -> None:
        """Sends what the source yields; a reader that takes nothing for a while is let go."""

        async def send_in_time(message: Message) -> None:
            async with asyncio.timeout(SEND_TIMEOUT_S):
                await send(message)

        async with aclosing(self._source):
            await super().stream_response(send_in_time)
