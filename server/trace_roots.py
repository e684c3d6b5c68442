"""Asks the sampler about a trace before anything of it is built."""

from opentelemetry.context import Context
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import Decision, Sampler
from opentelemetry.trace import SpanKind


class TraceRoots(RandomIdGenerator):
    """The ids of a provider's traces. One that was drawn for a request and is sampled belongs to
    the span that is started next, for which the sampler then decides the same again.
    """

    def __init__(self) -> None:
        self.sampler: Sampler | None = None
        self._drawn = 0

    def draw(self, name: str) -> bool:
        """Whether a request that begins a trace of its own is sampled; its span starts at once."""
        assert self.sampler is not None
        trace_id = super().generate_trace_id()
        result = self.sampler.should_sample(Context(), trace_id, name, SpanKind.SERVER)
        if result.decision is Decision.DROP:
            return False
        self._drawn = trace_id
        return True

    def generate_trace_id(self) -> int:
        """The id that was drawn, once, or a new one."""
        drawn, self._drawn = self._drawn, 0
        return drawn or super().generate_trace_id()
