"""The ways in and out: signing in by a key or by a link, signing out."""

import re
import secrets

from starlette.responses import Response

from server.console.access import cookies
from server.console.access.forgery import checked_form, text_of
from server.console.access.session import Session
from server.console.parts import ConsoleParts
from server.console.visit import Guest, Visit
from server.errors import Overloaded, Unauthenticated
from server.interceptors.principal import GATEWAY, Principal

HOME = "/console"
MAX_PLACE = 500
# A page of ours and nothing else: no host, no scheme, no way up.
_PLACE = re.compile(r"/console(/[A-Za-z0-9_.@:+%=&?-]+)*")


def safe_place(asked: str) -> str:
    """Where to go after signing in; the start page unless it is a page of ours."""
    ours = len(asked) <= MAX_PLACE and _PLACE.fullmatch(asked) and ".." not in asked
    return asked if ours else HOME


class Doors:
    """Answers at the doors. Forms of visitors carry a token of their own."""

    def __init__(self, parts: ConsoleParts) -> None:
        self._parts = parts

    async def show_sign_in(self, guest: Guest) -> Response:
        """The form for a key."""
        return self._form(guest, "sign_in.html", place=safe_place(_next(guest)), problem="")

    async def sign_in(self, guest: Guest) -> Response:
        """Takes a key."""
        form = await checked_form(guest.request, guest.token)
        place, address = safe_place(text_of(form, "next")), _address(guest)
        try:
            self._parts.attempts.require_room(address)
            principal = await self._prove(text_of(form, "key"))
        except (Unauthenticated, Overloaded) as error:
            refused = isinstance(error, Unauthenticated)
            if refused:
                self._parts.attempts.failed(address)
            problem = guest.words("sign_in.wrong_key" if refused else "sign_in.too_many")
            status = 401 if refused else 429
            return self._form(guest, "sign_in.html", status, place=place, problem=problem)
        return self._let_in(guest, self._parts.sessions.begin(principal.key_id), place)

    async def show_link(self, guest: Guest) -> Response:
        """Asks before a link is used: what only looks ahead at links must not use them up."""
        return self._form(guest, "enter.html", action=guest.request.url.path, problem="")

    async def use_link(self, guest: Guest) -> Response:
        """Uses a link."""
        await checked_form(guest.request, guest.token)
        self._parts.attempts.require_room(_address(guest))
        opened = await self._parts.access.use_link(guest.request.path_params["link"])
        if opened is None:
            self._parts.attempts.failed(_address(guest))
            problem = guest.words("sign_in.link_used")
            return self._form(guest, "sign_in.html", 410, place=HOME, problem=problem)
        session = self._parts.sessions.begin(opened.key_id, opened.tenant_id or "")
        await self._parts.sessions.principal(session)
        return self._let_in(guest, session, HOME)

    async def sign_out(self, visit: Visit) -> Response:
        """Ends the session, wherever its cookie is."""
        await self._parts.sessions.end(visit.session)
        response = visit.see_other("/console/sign-in")
        self._parts.cookies.drop(response, cookies.SESSION)
        return response

    async def _prove(self, key: str) -> Principal:
        ring = self._parts.ring
        principal = ring.recall(key) or await ring.ask(key)
        if principal.role == GATEWAY:  # there is nothing here for gateways
            raise Unauthenticated
        return principal

    def _let_in(self, guest: Guest, session: Session, place: str) -> Response:
        response = guest.see_other(place)
        self._parts.cookies.put(response, cookies.SESSION, self._parts.sessions.seal(session))
        self._parts.cookies.drop(response, cookies.VISITOR)
        return response

    def _form(self, guest: Guest, template: str, status: int = 200, **values: object) -> Response:
        if guest.session is not None:  # its token will do
            return guest.page(template, status, **values)
        visitor = self._parts.cookies.read(guest.request, cookies.VISITOR)
        visitor = visitor or secrets.token_urlsafe(16)
        guest.token = self._parts.sessions.token_against_forgery(f"visitor {visitor}")
        response = guest.page(template, status, **values)
        self._parts.cookies.put(response, cookies.VISITOR, visitor)
        return response


def _next(guest: Guest) -> str:
    asked: str = guest.request.query_params.get("next", "")
    return asked


def _address(guest: Guest) -> str:
    client = guest.request.client
    return client.host if client is not None else ""
