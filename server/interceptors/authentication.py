"""Lets a request through when its key is valid and its role may call the method."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from server.errors import Failure, PermissionDenied, Unauthenticated
from server.interceptors.chain import Behaviour, Context, Method, metadata
from server.interceptors.key_ring import KeyRing
from server.interceptors.permissions import ALLOWED, OPEN_SERVICES, Roles
from server.interceptors.principal import set_principal

SCHEME = "Bearer "
# A stream's key is looked at so often: with the ring's own delay revoked ones end in 30 seconds.
LOOK_AGAIN_S = 5.0


class Authentication:
    """Asks the key ring who it is and the table of permissions whether that role may."""

    def __init__(self, ring: KeyRing, allowed: Mapping[str, Roles] = ALLOWED) -> None:
        self._ring = ring
        self._allowed = allowed

    def around(self, method: Method, proceed: Behaviour) -> Behaviour:
        """Authenticate, except for the open services."""
        if method.service in OPEN_SERVICES:
            return proceed
        ring, roles = self._ring, self._allowed.get(method.name, frozenset())

        async def authenticated(request: Any, context: Context) -> Any:
            key = _key_in(metadata())
            principal = ring.recall(key) or await ring.ask(key)
            if principal.role not in roles:
                raise PermissionDenied
            set_principal(principal)
            return await proceed(request, context)

        async def kept_authenticated(request: Any, context: Context) -> Any:
            async with _ends_when_revoked(ring, _key_in(metadata())):
                return await authenticated(request, context)

        return kept_authenticated if method.streams else authenticated


@asynccontextmanager
async def _ends_when_revoked(ring: KeyRing, key: str) -> AsyncIterator[None]:
    """Ends what happens inside when the key is no longer valid. Raises Unauthenticated."""
    task = asyncio.current_task()
    assert task is not None
    revoked = False

    async def watch() -> None:
        nonlocal revoked
        while not revoked:
            await asyncio.sleep(LOOK_AGAIN_S)
            try:
                _ = ring.recall(key) or await ring.ask(key)
            except Unauthenticated:
                revoked = True
                task.cancel()
            except Failure:  # the ledger is away: nobody can revoke a key then either
                continue

    watcher = asyncio.create_task(watch())
    try:
        yield
    except asyncio.CancelledError as error:
        if revoked and task.uncancel() == 0:
            raise Unauthenticated from error
        raise
    finally:
        watcher.cancel()


def _key_in(sent: Iterable[tuple[str, Any]]) -> str:
    found: str | None = None
    for name, value in sent:
        if name == "authorization":
            if found is not None or not value.startswith(SCHEME):
                raise Unauthenticated
            found = value
    if found is None:
        raise Unauthenticated
    return found[len(SCHEME) :]
