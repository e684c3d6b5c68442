"""A real HTTP server that answers as Stripe does where sessions are created, and keeps what it
was asked.
"""

import contextlib
from collections.abc import AsyncIterator, Mapping
from typing import NamedTuple
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from server.http import http_server
from server.sockets import address_of, reserve


class Asked(NamedTuple):
    """One request: its idempotency key, its key, and its form."""

    idempotency_key: str
    authorization: str
    form: Mapping[str, str]


class FakeStripe:
    """Opens one session per idempotency key; `fails_with` makes it answer an error instead."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.fails_with: tuple[int, str] | None = None
        self.loses_replies = False

    async def _create(self, request: Request) -> Response:
        form = dict(parse_qsl((await request.body()).decode()))
        key = request.headers.get("idempotency-key", "")
        self.asked.append(Asked(key, request.headers.get("authorization", ""), form))
        if self.fails_with is not None:
            status, code = self.fails_with
            error = {"type": "invalid_request_error", "code": code, "message": "sk_test_secret"}
            return JSONResponse({"error": error}, status_code=status)
        top_up_id = form["client_reference_id"]
        session = {
            "id": f"cs_{top_up_id}",
            "object": "checkout.session",
            "url": f"https://checkout.example/{key}",
        }
        return JSONResponse(session)

    @contextlib.asynccontextmanager
    async def serve(self) -> AsyncIterator[str]:
        """Its base address while the block lasts."""
        app = Starlette(routes=[Route("/v1/checkout/sessions", self._create, methods=["POST"])])
        with reserve("127.0.0.1:0") as listening:
            async with http_server(app, listening):
                yield f"http://{address_of(listening)}"
