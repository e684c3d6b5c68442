"""A visit: one request to a page, by whom, in which language, and what the page may do with it."""

from collections.abc import AsyncGenerator, Sequence
from typing import Any, NamedTuple
from urllib.parse import urlencode

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from server.console.access import cookies
from server.console.access.session import Session
from server.console.look.formats import Formats
from server.console.look.words import ALL_WORDS, language_of
from server.console.parts import ConsoleParts
from server.interceptors.principal import Principal
from tollgate.v1 import billing_pb2 as billing
from tollgate.v1 import history_pb2 as history

THEMES = ("light", "dark")


class Tab(NamedTuple):
    """A page as the bar shows it."""

    title: str
    url: str
    current: bool


class Guest:
    """Somebody who is not signed in, or whose request has not come that far."""

    def __init__(
        self, parts: ConsoleParts, request: Request, session: Session | None, token: str
    ) -> None:
        self.parts, self.request = parts, request
        self.session, self.token = session, token
        self.tenant: billing.Tenant | None = None
        self.speak("UTC", "USD")

    def speak(self, time_zone: str, currency: str) -> None:
        """Chooses the language and how figures are written."""
        language = language_of(
            self.parts.cookies.read(self.request, cookies.LANGUAGE),
            self.request.headers.get("accept-language", ""),
            time_zone,
        )
        self.words = ALL_WORDS[language]
        self.formats = Formats(language, time_zone, currency)

    @property
    def theme(self) -> str:
        """The chosen theme; empty follows the system."""
        chosen = self.parts.cookies.read(self.request, cookies.THEME)
        return chosen if chosen in THEMES else ""

    @property
    def address(self) -> str:
        """Where this page is, with its query, to come back to."""
        query = self.request.url.query
        return self.request.url.path + (f"?{query}" if query else "")

    @property
    def wants_fragment(self) -> bool:
        """Whether htmx asks for a part of the page that it has."""
        headers = self.request.headers
        restores = headers.get("hx-history-restore-request") == "true"
        return headers.get("hx-request") == "true" and not restores

    @property
    def contract_language(self) -> history.Language.ValueType:
        """The language as requests name it."""
        russian = self.words.language == "ru"
        return history.LANGUAGE_RUSSIAN if russian else history.LANGUAGE_ENGLISH

    def render(self, template: str, **values: Any) -> str:
        """The text of a template; `t` are the words, `f` the formats, `visit` this."""
        known = {"visit": self, "t": self.words, "f": self.formats}
        return self.parts.templates.render(template, known | values)

    def page(self, template: str, status: int = 200, **values: Any) -> Response:
        """A template as the response."""
        return HTMLResponse(self.render(template, **values), status)

    def see_other(self, url: str) -> Response:
        """Sends the browser to another page, also when htmx asked."""
        if self.wants_fragment:
            return Response(headers={"HX-Redirect": url})
        return RedirectResponse(url, 303)


class Visit(Guest):
    """A request of somebody who is signed in. For a tenant's page `tenant` is there."""

    session: Session

    def __init__(
        self, parts: ConsoleParts, request: Request, session: Session, principal: Principal
    ) -> None:
        token = parts.sessions.token_against_forgery(session.id)
        super().__init__(parts, request, session, token)
        self.session, self.principal, self.form = session, principal, FormData()
        self.page_name = ""

    @property
    def tenant_id(self) -> str:
        """The tenant that the page is of, or the last one that was looked at."""
        asked: str = self.request.path_params.get("tenant_id", "")
        return asked or self.parts.cookies.read(self.request, cookies.TENANT)

    @property
    def query(self) -> dict[str, str]:
        """The address's query, the last value of each name."""
        return dict(self.request.query_params)

    @property
    def is_administrator(self) -> bool:
        """Whether the key reaches all tenants."""
        return self.principal.tenants is None

    def may(self, method: str) -> bool:
        """Whether the key's role may call a method."""
        return self.parts.services.may(self.principal, method)

    async def ask(self, method: str, request: Any) -> Any:
        """The reply of a method, as over gRPC. Raises Declined."""
        return await self.parts.services.ask(self.principal, method, request)

    def stream(self, method: str, request: Any) -> AsyncGenerator[Any, None]:
        """The replies of a method that streams. Raises Declined."""
        return self.parts.services.stream(self.principal, method, request)

    def link(self, page: str, path: str = "", **query: object) -> str:
        """Where another page is; empty when there is none, or it is not for this key."""
        for each in self.parts.pages:
            if each.name == page and self.sees(each.needs, each.of_tenant):
                asked = urlencode({name: value for name, value in query.items() if value})
                return each.address(self.tenant_id, path) + (f"?{asked}" if asked else "")
        return ""

    def sees(self, needs: str, of_tenant: bool) -> bool:
        """Whether pages of this need are for this key."""
        if not self.may(needs):
            return False
        return bool(self.tenant_id) if of_tenant else self.is_administrator

    def tabs(self, of_tenant: bool) -> Sequence[Tab]:
        """The pages that are there for this key, in their order."""
        path = self.request.url.path
        return [
            Tab(
                self.words(f"{page.name}.tab"),
                url := page.address(self.tenant_id),
                path == url or path.startswith(f"{url}/"),
            )
            for page in self.parts.pages
            if page.of_tenant == of_tenant and self.sees(page.needs, page.of_tenant)
        ]

    async def is_still_signed_in(self) -> bool:
        """Whether the session goes on; for streams, which outlive the look at their start."""
        return await self.parts.sessions.goes_on(self.session)
