"""OpenTelemetry by its standard variables: off when no endpoint is set, harmless when it is dead.

Spans and metrics leave in batches from a thread of their own; a full queue drops. Shutting down
takes two seconds at most.
"""

import asyncio
import importlib
import os
import threading
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import structlog
from opentelemetry.metrics import Meter
from opentelemetry.sdk.environment_variables import (
    OTEL_EXPORTER_OTLP_ENDPOINT,
    OTEL_EXPORTER_OTLP_METRICS_ENDPOINT,
    OTEL_EXPORTER_OTLP_METRICS_PROTOCOL,
    OTEL_EXPORTER_OTLP_PROTOCOL,
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT,
    OTEL_EXPORTER_OTLP_TRACES_PROTOCOL,
    OTEL_SDK_DISABLED,
)
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.metrics.view import ExplicitBucketHistogramAggregation, View
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Tracer

from server.interceptors.durations import Record
from server.metrics import DURATION_BUCKETS_S

SHUTDOWN_S = 2.0
SCOPE = "tollgate"
CALL_DURATION = "rpc.server.call.duration"
OTEL_TRACES_EXPORTER = "OTEL_TRACES_EXPORTER"
OTEL_METRICS_EXPORTER = "OTEL_METRICS_EXPORTER"

log = structlog.get_logger(__name__)


class TelemetryUnavailable(Exception):
    """Telemetry is asked for but cannot be sent; the message says what to install or set."""


class Telemetry(NamedTuple):
    """What is on: a tracer, a recorder of call durations, a meter; None where off."""

    tracer: Tracer | None = None
    record: Record | None = None
    meter: Meter | None = None


@asynccontextmanager
async def telemetry(
    instance: str, environment: Mapping[str, str] | None = None
) -> AsyncIterator[Telemetry]:
    """Telemetry for one process, shut down on exit. Raises TelemetryUnavailable."""
    variables = os.environ if environment is None else environment
    traces, metrics = _traces(variables, instance), _metrics(variables, instance)
    meter = metrics.get_meter(SCOPE) if metrics is not None else None
    try:
        yield Telemetry(
            traces.get_tracer(SCOPE) if traces is not None else None,
            _recorder(meter) if meter is not None else None,
            meter,
        )
    finally:
        await _shut_down([each for each in (traces, metrics) if each is not None])


def _traces(variables: Mapping[str, str], instance: str) -> TracerProvider | None:
    wanted = (OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT)
    if not _is_on(variables, OTEL_TRACES_EXPORTER, *wanted):
        return None
    exporter = _exporter(variables, OTEL_EXPORTER_OTLP_TRACES_PROTOCOL, "trace", "Span")
    # The sampler, the queue's bound and the batch's size come from OTEL_* too.
    provider = TracerProvider(resource=_resource(instance), shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return provider


def _metrics(variables: Mapping[str, str], instance: str) -> MeterProvider | None:
    wanted = (OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_EXPORTER_OTLP_METRICS_ENDPOINT)
    if not _is_on(variables, OTEL_METRICS_EXPORTER, *wanted):
        return None
    exporter = _exporter(variables, OTEL_EXPORTER_OTLP_METRICS_PROTOCOL, "metric", "Metric")
    buckets = ExplicitBucketHistogramAggregation(DURATION_BUCKETS_S)
    return MeterProvider(
        resource=_resource(instance),
        metric_readers=[PeriodicExportingMetricReader(exporter)],
        views=[View(instrument_name=CALL_DURATION, aggregation=buckets)],
        shutdown_on_exit=False,
    )


def _is_on(variables: Mapping[str, str], exporter: str, *endpoints: str) -> bool:
    if variables.get(OTEL_SDK_DISABLED, "").lower() == "true":
        return False
    chosen = variables.get(exporter, "otlp")
    if chosen not in ("otlp", "none"):
        raise TelemetryUnavailable(f"{exporter}={chosen} is not supported; use otlp or none")
    return chosen == "otlp" and any(variables.get(endpoint) for endpoint in endpoints)


def _exporter(variables: Mapping[str, str], protocol: str, signal: str, name: str) -> Any:
    chosen = variables.get(protocol) or variables.get(OTEL_EXPORTER_OTLP_PROTOCOL) or "grpc"
    transport = {"grpc": "grpc", "http/protobuf": "http"}.get(chosen)
    if transport is None:
        raise TelemetryUnavailable(
            f"{OTEL_EXPORTER_OTLP_PROTOCOL}={chosen} is not supported; use grpc or http/protobuf"
        )
    package = f"opentelemetry.exporter.otlp.proto.{transport}.{signal}_exporter"
    try:
        module = importlib.import_module(package)
    except ImportError as error:
        raise TelemetryUnavailable(
            f"{OTEL_EXPORTER_OTLP_ENDPOINT} is set, but the exporters are not installed: "
            'install "tollgate[otlp]", or unset it'
        ) from error
    return getattr(module, f"OTLP{name}Exporter")()


def _resource(instance: str) -> Resource:
    return Resource.create({"service.name": SCOPE, "service.instance.id": instance})


def _recorder(meter: Meter) -> Record:
    histogram = meter.create_histogram(
        CALL_DURATION, unit="s", description="How long requests took."
    )

    def record(method: str, status: str, seconds: float) -> None:
        histogram.record(
            seconds,
            {"rpc.system.name": "grpc", "rpc.method": method, "rpc.response.status_code": status},
        )

    return record


async def _shut_down(providers: list[Any]) -> None:
    """Flush and stop within the budget; a dead collector must not hold the process."""
    threads = [threading.Thread(target=each.shutdown, daemon=True) for each in providers]
    for thread in threads:
        thread.start()
    ends_at = asyncio.get_running_loop().time() + SHUTDOWN_S
    while any(thread.is_alive() for thread in threads):
        if asyncio.get_running_loop().time() > ends_at:
            log.warning("telemetry was not flushed in time", budget_s=SHUTDOWN_S)
            return
        await asyncio.sleep(0.02)
