"""The OpenTelemetry SDK and its OTLP exporters; imported only when telemetry is on.

Bounds, batch sizes and the sampler come from the standard OTEL_* variables.
"""

import importlib
from collections.abc import Mapping
from typing import Any

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.metrics.view import ExplicitBucketHistogramAggregation, View
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from server.metrics import DURATION_BUCKETS_S
from server.settings import Misconfigured

SCOPE = "tollgate"
CALL_DURATION = "rpc.server.call.duration"
PROTOCOL = "OTEL_EXPORTER_OTLP_PROTOCOL"
TRACES_PROTOCOL = "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"
METRICS_PROTOCOL = "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL"


class TelemetryUnavailable(Misconfigured):
    """Telemetry is asked for but cannot be sent; the message says what to install or set."""


def traces(variables: Mapping[str, str], instance: str) -> TracerProvider:
    """Spans, sent in batches; a full queue drops. Raises TelemetryUnavailable."""
    exporter = _exporter(variables, TRACES_PROTOCOL, "trace", "Span")
    provider = TracerProvider(resource=_resource(instance), shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return provider


def metrics(variables: Mapping[str, str], instance: str) -> MeterProvider:
    """Metrics, sent periodically. Raises TelemetryUnavailable."""
    exporter = _exporter(variables, METRICS_PROTOCOL, "metric", "Metric")
    buckets = ExplicitBucketHistogramAggregation(DURATION_BUCKETS_S)
    return MeterProvider(
        resource=_resource(instance),
        metric_readers=[PeriodicExportingMetricReader(exporter)],
        views=[View(instrument_name=CALL_DURATION, aggregation=buckets)],
        shutdown_on_exit=False,
    )


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
