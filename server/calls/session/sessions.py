"""All Session streams of this process: what changes calls' fates reaches the streams through it."""

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from typing import Protocol

from server.errors import Draining
from tollgate.v1 import call_authorization_pb2 as pb

RECONNECT = int(pb.DIRECTIVE_RECONNECT)


class OpenSession(Protocol):
    """What is asked of an open stream."""

    def carried(self, tenant_id: str) -> Iterable[str]:
        """The calls of a tenant that the stream carries."""

    def push(self, tenant_id: str, call_id: str, directive: int) -> None:
        """Tells a call that the stream carries what to do; with empty names the whole stream."""

    def end(self, reason: Exception) -> None:
        """Ends the stream."""


class Sessions:
    """The open streams, and the pushes to them."""

    def __init__(self) -> None:
        self._open: set[OpenSession] = set()
        self._draining = self._over = False
        self._all_gone = asyncio.Event()

    def __len__(self) -> int:
        return len(self._open)

    def add(self, session: OpenSession) -> None:
        """A stream has begun."""
        self._open.add(session)
        if self._over:
            session.end(Draining())
        elif self._draining:
            session.push("", "", RECONNECT)

    def remove(self, session: OpenSession) -> None:
        """A stream has ended."""
        self._open.discard(session)
        if not self._open:
            self._all_gone.set()

    def carried(self, tenant_id: str) -> set[str]:
        """The calls of a tenant that any stream carries."""
        return {call_id for each in self._open for call_id in each.carried(tenant_id)}

    def push(self, tenant_id: str, call_id: str, directive: int) -> None:
        """Tells a call on every stream that carries it."""
        for session in self._open:
            session.push(tenant_id, call_id, directive)

    async def drain(self, patience_s: float) -> None:
        """Asks all clients to go elsewhere, and ends the streams of those that have not after the
        patience.
        """
        self._draining = True
        for session in self._open:
            session.push("", "", RECONNECT)
        if self._open:
            self._all_gone.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(patience_s):
                    await self._all_gone.wait()
        self._over = True
        for session in list(self._open):
            session.end(Draining())
