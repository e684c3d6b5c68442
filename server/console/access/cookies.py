"""The console's cookies: what each may do, in one place."""

from typing import Literal, NamedTuple

from starlette.requests import Request
from starlette.responses import Response

YEAR_S = 365 * 86_400


class Cookie(NamedTuple):
    """A cookie; `lasts_s` None: until the browser closes."""

    name: str
    same_site: Literal["lax", "strict"]
    lasts_s: int | None = None


# A payer comes back from a provider's page by a link there, so the session goes along with those.
SESSION = Cookie("tollgate_session", "lax")
VISITOR = Cookie("tollgate_visitor", "strict")
LANGUAGE = Cookie("tollgate_language", "lax", YEAR_S)
THEME = Cookie("tollgate_theme", "lax", YEAR_S)
TENANT = Cookie("tollgate_tenant", "lax", YEAR_S)


class CookieJar:
    """Reads and sets cookies; behind TLS they are for TLS alone, and for this host alone."""

    def __init__(self, secure: bool) -> None:
        self._secure = secure

    def name_of(self, cookie: Cookie) -> str:
        """The name in the browser; the prefix makes it refuse cookies from elsewhere."""
        return f"__Host-{cookie.name}" if self._secure else cookie.name

    def read(self, request: Request, cookie: Cookie) -> str:
        """The value; empty when there is none."""
        return request.cookies.get(self.name_of(cookie), "")

    def put(self, response: Response, cookie: Cookie, value: str) -> None:
        """Sets it; no script may read any."""
        response.set_cookie(
            self.name_of(cookie),
            value,
            max_age=cookie.lasts_s,
            path="/",
            secure=self._secure,
            httponly=True,
            samesite=cookie.same_site,
        )

    def drop(self, response: Response, cookie: Cookie) -> None:
        """Removes it."""
        response.delete_cookie(
            self.name_of(cookie),
            path="/",
            secure=self._secure,
            httponly=True,
            samesite=cookie.same_site,
        )
