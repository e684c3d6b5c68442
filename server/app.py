"""One worker process, put together: the only place that knows all parts."""

import asyncio
import os
from collections.abc import Callable
from contextlib import AsyncExitStack

from server.grpc_server import Service, grpc_server
from server.http import application, http_server
from server.interceptors.authentication import Authentication
from server.interceptors.chain import Chain, Concern
from server.interceptors.deadline import Deadline
from server.interceptors.durations import Durations
from server.interceptors.failures import Failures
from server.interceptors.key_ring import KeyFinder, KeyRing, StoredKey
from server.interceptors.overload import Limiter, Overload
from server.interceptors.principal import ADMIN
from server.interceptors.tracing import Tracing
from server.saturation import watch
from server.settings import Settings
from server.sockets import bind
from server.telemetry import Telemetry, telemetry


async def run_worker(
    settings: Settings, index: int, *, ready: Callable[[], None], stop: asyncio.Event
) -> None:
    """Serve until `stop` is set, then drain. `ready` is called when requests are taken."""
    async with AsyncExitStack() as stack:
        told = await stack.enter_async_context(telemetry(f"worker-{index}"))

        # stores

        services: list[Service] = []

        ring = KeyRing(_NoKeys())
        stack.push_async_callback(ring.close)
        if settings.bootstrap_admin_key is not None:
            ring.pin(settings.bootstrap_admin_key.get_secret_value(), (ADMIN,))
        limiter = Limiter(settings.max_in_flight)
        stack.callback(asyncio.create_task(watch(lambda: limiter.in_flight)).cancel)

        await stack.enter_async_context(
            grpc_server(
                settings.grpc_listen,
                services,
                Chain(concerns(settings, told, ring, limiter)),
                reflected=settings.reflection,
                drain_s=settings.drain_s,
            )
        )
        if index == 0:
            web = application(_health, metrics_dir=os.environ.get("PROMETHEUS_MULTIPROC_DIR"))
            await stack.enter_async_context(http_server(web, bind(settings.http_listen)))
        ready()
        await stop.wait()


def concerns(settings: Settings, told: Telemetry, ring: KeyRing, limiter: Limiter) -> list[Concern]:
    """What happens around every request, outermost first."""
    return [
        *([Tracing(told.tracer)] if told.tracer is not None else []),
        Durations(told.record),
        Failures(),
        Overload(limiter),
        Authentication(ring),
        Deadline(settings.default_deadline_ms / 1000, settings.max_deadline_ms / 1000),
    ]


class _NoKeys(KeyFinder):
    """No keys but the pinned one."""

    async def find(self, key_id: str) -> StoredKey | None:
        return None


async def _health() -> dict[str, bool]:
    return {"grpc": True}
