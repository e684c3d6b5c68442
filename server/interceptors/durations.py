"""Measures how long each request took, by method and status."""

from time import perf_counter
from typing import Any

import grpc

from server.interceptors.chain import Behaviour, Context, Method
from server.metrics import CALL_DURATION
from server.tallies import DurationTally

CANCELLED = grpc.StatusCode.CANCELLED.name


class Durations:
    """Observes the Prometheus histogram."""

    def around(self, method: Method, proceed: Behaviour) -> Behaviour:
        """Measure from the parsed request to the reply or status."""
        name = method.name
        # Looking a child up by its labels costs more than observing it.
        tallies: dict[str, DurationTally] = {}

        def record(status: str, seconds: float) -> None:
            tally = tallies.get(status)
            if tally is None:
                tally = tallies[status] = DurationTally(CALL_DURATION.labels(name, status))
            tally.observe(seconds)

        async def measured(request: Any, context: Context) -> Any:
            started = perf_counter()
            try:
                response = await proceed(request, context)
            except BaseException:
                record(status_of(context) or CANCELLED, perf_counter() - started)
                raise
            record("OK", perf_counter() - started)
            return response

        return measured


def status_of(context: Context) -> str:
    """The name of the status that was set on the context, empty when none was."""
    code: Any = context.code()
    return code.name if isinstance(code, grpc.StatusCode) else ""
