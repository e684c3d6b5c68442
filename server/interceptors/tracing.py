"""Gives each request a span, under the caller's when it sent one."""

from collections.abc import Callable
from typing import Any

import grpc
from opentelemetry.propagate import extract
from opentelemetry.trace import SpanKind, StatusCode, Tracer

from server.interceptors.chain import Behaviour, Context, Method, metadata
from server.interceptors.durations import status_of

# Only these tell of our own malfunction; the others are the client's business.
OUR_FAULT = frozenset({"UNKNOWN", "DEADLINE_EXCEEDED", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE"})

# Whether the trace that a request of this name begins is sampled.
Draw = Callable[[str], bool]


class Tracing:
    """Part of the chain only while traces are exported, so it costs nothing otherwise.

    Most requests bring no trace and are not sampled: for these nothing is built. A stream has its
    span always, which its batches name; they are sampled by themselves.
    """

    def __init__(self, tracer: Tracer, draw: Draw) -> None:
        self._tracer, self._draw = tracer, draw

    def around(self, method: Method, proceed: Behaviour) -> Behaviour:
        """Open a server span named after the method."""
        tracer, draw, name = self._tracer, self._draw, method.name
        attributes = {"rpc.system.name": "grpc", "rpc.method": name}

        async def traced(request: Any, context: Context) -> Any:
            carrier = _carrier()
            if not carrier and not method.streams and not draw(name):
                return await proceed(request, context)
            with tracer.start_as_current_span(
                name,
                context=extract(carrier),
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
