"""The HTTP side of the first worker: metrics, health, and what providers post to us."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Sequence

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from server.metrics import CONTENT_TYPE, exposition
from server.tallies import write_tallies

Health = Callable[[], Awaitable[dict[str, bool]]]


def application(
    health: Health, *, metrics_dir: str | None = None, routes: Sequence[BaseRoute] = ()
) -> Starlette:
    """The web application. `health` tells of each part whether it works."""

    async def metrics(_request: Request) -> Response:
        write_tallies()
        text = await asyncio.to_thread(exposition, metrics_dir)
        return Response(text, media_type=CONTENT_TYPE)

    async def healthz(_request: Request) -> Response:
        parts = await health()
        return JSONResponse(parts, status_code=200 if all(parts.values()) else 503)

    return Starlette(routes=[Route("/metrics", metrics), Route("/healthz", healthz), *routes])


class _Server(uvicorn.Server):
    """Leaves signals to the worker."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


@contextlib.asynccontextmanager
async def http_server(app: Starlette, listening: socket.socket) -> AsyncIterator[None]:
    """Serve `app` on a bound socket until the block ends."""
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        lifespan="off",
        timeout_graceful_shutdown=2,
    )
    server = _Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listening]), name="http")
    try:
        while not server.started and not serving.done():  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        yield
    finally:
        server.should_exit = True
        await serving
