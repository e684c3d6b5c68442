"""Lets a request through when its key is valid and its role may call the method."""

from collections.abc import Iterable, Mapping
from typing import Any

from server.errors import PermissionDenied, Unauthenticated
from server.interceptors.chain import Behaviour, Context, Method, metadata
from server.interceptors.key_ring import KeyRing
from server.interceptors.permissions import ALLOWED, OPEN_SERVICES, Roles
from server.interceptors.principal import set_principal

SCHEME = "Bearer "


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

        return authenticated


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
