"""The console as routes: what is where."""

from collections.abc import Iterator

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from server.console import places
from server.console.access.doors import HOME, Doors
from server.console.gate import Endpoint, Gate
from server.console.headers import dressed
from server.console.look.assets import Assets
from server.console.pages.top_up.coming_back import come_back


def console_routes(gate: Gate, assets: Assets, *, secure: bool) -> list[BaseRoute]:
    """The console under /console, and the way there from the root."""
    return [
        Route(path, dressed(endpoint, secure=secure), methods=[method])
        for method, path, endpoint in _endpoints(gate, assets)
    ]


def _endpoints(gate: Gate, assets: Assets) -> Iterator[tuple[str, str, Endpoint]]:
    doors = Doors(gate.parts)
    yield "GET", "/", _to_console
    yield "GET", f"{HOME}/static/{{name}}", assets.serve
    yield "GET", f"{HOME}/sign-in", gate.open(doors.show_sign_in)
    yield "POST", f"{HOME}/sign-in", gate.open(doors.sign_in)
    yield "GET", f"{HOME}/enter/{{link}}", gate.open(doors.show_link)
    yield "POST", f"{HOME}/enter/{{link}}", gate.open(doors.use_link)
    yield "POST", f"{HOME}/preferences", gate.open(places.prefer)
    yield "POST", f"{HOME}/sign-out", gate.signed_in(doors.sign_out)
    yield "GET", f"{HOME}/tenants", gate.signed_in(places.choose)
    yield "GET", f"{HOME}/paid", gate.signed_in(come_back)
    for page in gate.parts.pages:
        for action in page.actions:
            path = page.address("{tenant_id}", action.path)
            yield action.method, path, gate.page(page, action)
    yield "GET", HOME, gate.signed_in(places.home)
    yield "GET", f"{HOME}/{{rest:path}}", gate.signed_in(places.lost)


async def _to_console(_request: Request) -> Response:
    return RedirectResponse(HOME, 303)
