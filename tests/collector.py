"""A telemetry collector inside the tests."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


class Collector(grpc.GenericRpcHandler):
    """Keeps what is exported to it."""

    def __init__(self) -> None:
        self.spans: list[Any] = []
        self.metrics: list[Any] = []

    def all_spans(self) -> list[Any]:
        """The spans of all exports."""
        return [
            span
            for request in self.spans
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        """Takes traces and metrics."""
        traces = "TraceService" in str(handler_call_details.method)
        kept, kind = (
            (self.spans, ExportTraceServiceRequest)
            if traces
            else (self.metrics, ExportMetricsServiceRequest)
        )

        async def take(request: bytes, context: Any) -> bytes:
            kept.append(kind.FromString(request))
            return b""

        return grpc.unary_unary_rpc_method_handler(take)


@asynccontextmanager
async def collecting() -> AsyncIterator[tuple[Collector, str]]:
    """A living collector, and its endpoint."""
    found, server = Collector(), grpc.aio.server()
    server.add_generic_rpc_handlers((found,))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    yield found, f"http://127.0.0.1:{port}"
    await server.stop(None)
