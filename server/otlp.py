"""The OpenTelemetry SDK and its OTLP exporters; imported only when telemetry is on.

Bounds, batch sizes and the sampler come from the standard OTEL_* variables.
"""

import importlib
from collections.abc import Mapping
from typing import Any, NamedTuple

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from server.durations_export import DurationsExport
from server.settings import Misconfigured
from server.trace_roots import TraceRoots

SCOPE = "tollgate"
PROTOCOL = "OTEL_EXPORTER_OTLP_PROTOCOL"
TRACES_PROTOCOL = "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"
METRICS_PROTOCOL = "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL"
METRIC_INTERVAL, DEFAULT_INTERVAL_MS = "OTEL_METRIC_EXPORT_INTERVAL", "60000"


class TelemetryUnavailable(Misconfigured):
    """Telemetry is asked for but cannot be sent; the message says what to install or set."""


class Traces(NamedTuple):
    """Where spans go, and who draws which traces are sampled."""

    provider: TracerProvider
    roots: TraceRoots


def traces(variables: Mapping[str, str], instance: str) -> Traces:
    """Spans, sent in batches; a full queue drops. Raises TelemetryUnavailable."""
    exporter = _exporter(variables, TRACES_PROTOCOL, "trace", "Span")
    roots = TraceRoots()
    provider = TracerProvider(
        resource=_resource(instance), id_generator=roots, shutdown_on_exit=False
    )
    roots.sampler = provider.sampler
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return Traces(provider, roots)


def metrics(variables: Mapping[str, str], instance: str) -> DurationsExport:
    """Metrics, sent periodically. Raises TelemetryUnavailable."""
    exporter = _exporter(variables, METRICS_PROTOCOL, "metric", "Metric")
    return DurationsExport(exporter, _resource(instance), SCOPE, _interval_s(variables))


def _interval_s(variables: Mapping[str, str]) -> float:
    told = variables.get(METRIC_INTERVAL) or DEFAULT_INTERVAL_MS
    try:
        return int(told) / 1000
    except ValueError as error:
        raise TelemetryUnavailable(f"{METRIC_INTERVAL}={told} is no number of ms") from error


def _exporter(variables: Mapping[str, str], protocol: str, signal: str, name: str) -> Any:
    chosen = variables.get(protocol) or variables.get(PROTOCOL) or "grpc"
    transport = {"grpc": "grpc", "http/protobuf": "http"}.get(chosen)
    if transport is None:
        raise TelemetryUnavailable(
            f"{PROTOCOL}={chosen} is not supported; use grpc or http/protobuf"
        )
    package = f"opentelemetry.exporter.otlp.proto.{transport}.{signal}_exporter"
    try:
        module = importlib.import_module(package)
    except ImportError as error:
        raise TelemetryUnavailable(
            "OTEL_EXPORTER_OTLP_ENDPOINT is set, but the exporters are not installed: "
            'install "tollgate[otlp]", or unset it'
        ) from error
    return getattr(module, f"OTLP{name}Exporter")()


def _resource(instance: str) -> Resource:
    return Resource.create({"service.name": SCOPE, "service.instance.id": instance})
