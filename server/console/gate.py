"""What happens before a page answers: bounds, session, forgery, tenant; and what after it."""

import asyncio
from collections.abc import Awaitable, Callable
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

from server.console.access import cookies
from server.console.access.forgery import checked_form
from server.console.asking import Declined
from server.console.failing import failed
from server.console.page import Action, Page
from server.console.parts import ConsoleParts
from server.console.visit import Guest, Visit
from server.errors import DeadlineExceeded, PermissionDenied, Unauthenticated
from server.interceptors.failures import tell_of
from server.interceptors.overload import Limiter, Priority
from tollgate.v1 import billing_pb2 as billing

MAX_PAGES_IN_FLIGHT = 64
SEAL_AGAIN_S = 60

Endpoint = Callable[[Request], Awaitable[Response]]
GuestAnswer = Callable[[Guest], Awaitable[Response]]
VisitAnswer = Callable[[Visit], Awaitable[Response]]


class Gate:
    """Stands around every page. Whatever fails is told by a page or a toast."""

    def __init__(self, parts: ConsoleParts) -> None:
        self.parts = parts
        self.limiter = Limiter(MAX_PAGES_IN_FLIGHT)

    def page(self, page: Page, action: Action) -> Endpoint:
        """The endpoint of one address of a page."""

        async def answer(visit: Visit) -> Response:
            visit.page_name = page.name
            await self._enter(visit, page)
            return await action.answer(visit)

        return self.signed_in(answer)

    def signed_in(self, answer: VisitAnswer) -> Endpoint:
        """An endpoint for who is signed in."""

        async def admitted(guest: Guest) -> Response:
            if guest.session is None:
                raise Unauthenticated
            principal = await self.parts.sessions.principal(guest.session)
            visit = Visit(self.parts, guest.request, guest.session, principal)
            if guest.request.method == "POST":
                visit.form = await checked_form(guest.request, visit.token)
            response = await answer(visit)
            self._remember(visit, response)
            return response

        return self.open(admitted)

    def open(self, answer: GuestAnswer) -> Endpoint:
        """An endpoint for everybody, within the console's bounds. What a response streams later
        bounds itself.
        """

        async def endpoint(request: Request) -> Response:
            guest = self._guest(request)
            try:
                return await self._bounded(answer, guest)
            except Declined as declined:
                return self._declined(guest, declined)
            except Exception as error:
                return self._declined(guest, Declined(tell_of(error, request.url.path)))

        return endpoint

    def _guest(self, request: Request) -> Guest:
        jar, sessions = self.parts.cookies, self.parts.sessions
        session = sessions.read(jar.read(request, cookies.SESSION))
        holder = session.id if session else f"visitor {jar.read(request, cookies.VISITOR)}"
        return Guest(self.parts, request, session, sessions.token_against_forgery(holder))

    async def _bounded(self, answer: GuestAnswer, guest: Guest) -> Response:
        self.limiter.enter(Priority.RUNNING)
        try:
            async with asyncio.timeout(self.parts.deadline_s):
                return await answer(guest)
        except TimeoutError as error:
            raise DeadlineExceeded from error
        finally:
            self.limiter.leave()

    async def _enter(self, visit: Visit, page: Page) -> None:
        """Reads the tenant that the page is of, which the services refuse to the wrong key."""
        if not page.of_tenant:
            if not visit.sees(page.needs, of_tenant=False):
                raise PermissionDenied
            return
        request = billing.GetTenantRequest(tenant_id=visit.tenant_id)
        visit.tenant = (await visit.ask("GetTenant", request)).tenant
        visit.speak(visit.tenant.time_zone, visit.tenant.currency)

    def _remember(self, visit: Visit, response: Response) -> None:
        """Keeps the session and the last tenant alive in the browser."""
        jar, sessions = self.parts.cookies, self.parts.sessions
        if sessions.age_s(visit.session) >= SEAL_AGAIN_S:
            jar.put(response, cookies.SESSION, sessions.seal(visit.session))
        if visit.tenant and jar.read(visit.request, cookies.TENANT) != visit.tenant.tenant_id:
            jar.put(response, cookies.TENANT, visit.tenant.tenant_id)

    def _declined(self, guest: Guest, declined: Declined) -> Response:
        if declined.reason != Unauthenticated.reason:
            return failed(guest, declined)
        if "text/event-stream" in guest.request.headers.get("accept", ""):
            return Response(status_code=401)
        comes_back = guest.request.method == "GET" and not guest.wants_fragment
        return guest.see_other(sign_in_address(guest.address if comes_back else ""))


def sign_in_address(back: str = "") -> str:
    """Where to sign in, and to come back to then."""
    return "/console/sign-in" + (f"?next={quote(back, safe='/')}" if back else "")
