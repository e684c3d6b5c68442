"""Gives each request a span, under the caller's when it sent one."""

from typing import Any

import grpc
from opentelemetry.propagate import extract
from opentelemetry.trace import SpanKind, StatusCode, Tracer

from server.interceptors.chain import Behaviour, Context, Method, metadata
from server.interceptors.durations import status_of

# Only these tell of our own malfunction; the others are the client's business.
OUR_FAULT = frozenset({"UNKNOWN", "DEADLINE_EXCEEDED", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE"})


class Tracing:
    """Part of the chain only while traces are exported, so it costs nothing otherwise."""

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer

    def around(self, method: Method, proceed: Behaviour) -> Behaviour:
        """Open a server span named after the method."""
        tracer, name = self._tracer, method.name
        attributes = {"rpc.system.name": "grpc", "rpc.method": name}

        async def traced(request: Any, context: Context) -> Any:
            parent = extract(_carrier())
            with tracer.start_as_current_span(
                name,
                context=parent,
                kind=SpanKind.SERVER,
                attributes=attributes,
                # An exception's text may quote what the client sent.
                record_exception=False,
                set_status_on_exception=False,
            ) as span:
                try:
                    return await proceed(request, context)
                except grpc.aio.AbortError:
                    status = status_of(context)
                    span.set_attribute("rpc.response.status_code", status)
                    if status in OUR_FAULT:
                        span.set_status(StatusCode.ERROR)
                    raise

        return traced


def _carrier() -> dict[str, str]:
    return {name: value for name, value in metadata() if name in ("traceparent", "tracestate")}
