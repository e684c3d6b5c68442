"""The console put together from its settings and the services."""

import secrets
from collections.abc import Iterable

from starlette.routing import BaseRoute

from ledger.console_access import ConsoleAccess
from server.console.access.attempts import Attempts
from server.console.access.cookies import CookieJar
from server.console.access.session import Sessions
from server.console.application import console_routes
from server.console.asking import Services
from server.console.gate import Gate
from server.console.live import LiveStreams
from server.console.look.assets import Assets
from server.console.look.templates import Templates
from server.console.pages import PAGES
from server.console.parts import ConsoleParts
from server.console.settings import ConsoleSettings
from server.grpc_server import Service
from server.interceptors.key_ring import KeyRing


class Console:
    """The console of one server; `routes` are for its HTTP side."""

    def __init__(
        self,
        settings: ConsoleSettings,
        services: Iterable[Service],
        ring: KeyRing,
        access: ConsoleAccess,
        *,
        deadline_s: float,
    ) -> None:
        given = settings.console_secret
        secret = secrets.token_hex(32) if given is None else given.get_secret_value()
        secure = (settings.console_url or "").startswith("https://")
        self.assets = Assets()
        self.parts = ConsoleParts(
            Services(services),
            ring,
            Sessions(
                secret,
                ring,
                access,
                idle_s=settings.console_idle_s,
                lasts_s=settings.console_session_s,
            ),
            access,
            Attempts(),
            CookieJar(secure),
            Templates(self.assets),
            LiveStreams(),
            PAGES,
            deadline_s,
        )
        self.gate = Gate(self.parts)
        self.routes: list[BaseRoute] = console_routes(self.gate, self.assets, secure=secure)

    def drain(self) -> None:
        """Ends live pages within a second; their browsers come back to the next server."""
        self.parts.streams.drain()
