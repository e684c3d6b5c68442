"""OpenTelemetry by its standard variables: off when no endpoint is set, harmless when it is dead.

Spans and metrics leave in batches from threads of their own. Shutting down takes two seconds at
most.
"""

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import structlog
from opentelemetry.trace import Tracer

from server.interceptors.tracing import Draw

SHUTDOWN_S = 2.0
ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
SWITCHES = {
    "traces": ("OTEL_TRACES_EXPORTER", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"),
    "metrics": ("OTEL_METRICS_EXPORTER", "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT"),
}

log = structlog.get_logger(__name__)


class Telemetry(NamedTuple):
    """What is on: a tracer, and who draws which traces are sampled; None where off."""

    tracer: Tracer | None = None
    draw: Draw | None = None


@asynccontextmanager
async def telemetry(
    instance: str, environment: Mapping[str, str] | None = None
) -> AsyncIterator[Telemetry]:
    """Telemetry for one process, shut down on exit. Raises `otlp.TelemetryUnavailable`."""
    variables = os.environ if environment is None else environment
    wanted = [signal for signal in SWITCHES if _is_on(variables, signal)]
    if not wanted:
        yield Telemetry()
        return
    from server import otlp  # the SDK takes a fifth of a second to import

    providers: list[Any] = []
    told = Telemetry()
    try:
        if "traces" in wanted:
            traces = otlp.traces(variables, instance)
            providers.append(traces.provider)
            told = Telemetry(traces.provider.get_tracer(otlp.SCOPE), traces.roots.draw)
        if "metrics" in wanted:
            providers.append(otlp.metrics(variables, instance))
        yield told
    finally:
        await _shut_down(providers)


def _is_on(variables: Mapping[str, str], signal: str) -> bool:
    exporter, endpoint = SWITCHES[signal]
    if variables.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return False
    if variables.get(exporter, "otlp") != "otlp":
        return False
    return bool(variables.get(ENDPOINT) or variables.get(endpoint))


async def _shut_down(providers: list[Any]) -> None:
    """Flush and stop within the budget; a dead collector must not hold the process."""
    threads = [threading.Thread(target=each.shutdown, daemon=True) for each in providers]
    for thread in threads:
        thread.start()
    loop = asyncio.get_running_loop()
    ends_at = loop.time() + SHUTDOWN_S
    while any(thread.is_alive() for thread in threads):
        if loop.time() > ends_at:
            log.warning("telemetry was not flushed in time", budget_s=SHUTDOWN_S)
            return
        await asyncio.sleep(0.02)
