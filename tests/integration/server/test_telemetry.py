"""Telemetry is off by default, and a dead collector changes nothing."""

import socket
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from server.durations_export import THREAD_NAME
from server.interceptors.chain import Method
from server.interceptors.tracing import Tracing
from server.metrics import CALL_DURATION
from server.otlp import TelemetryUnavailable
from server.tallies import DurationTally, write_tallies
from server.telemetry import SHUTDOWN_S, telemetry
from tests.collector import Collector


@pytest.fixture
def dead_collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """Variables that name a port where nobody listens. The exporters' last threads are waited for:
    they draw random pauses, which would disturb the property tests that follow.
    """
    before = set(threading.enumerate())
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        endpoint = f"http://127.0.0.1:{probe.getsockname()[1]}"
    variables = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
        "OTEL_EXPORTER_OTLP_TIMEOUT": "3",  # longer than the end may take
        "OTEL_BSP_MAX_QUEUE_SIZE": "512",
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    yield variables
    for thread in set(threading.enumerate()) - before:
        thread.join(timeout=30)


async def test_nothing_is_on_without_an_endpoint() -> None:
    async with telemetry("t", {}) as told:
        assert told == (None, None)


@pytest.mark.parametrize("variable", ["OTEL_TRACES_EXPORTER", "OTEL_METRICS_EXPORTER"])
async def test_a_signal_can_be_left_out(variable: str, dead_collector: dict[str, str]) -> None:
    async with telemetry("t", dead_collector | {variable: "none"}) as told:
        assert (told.tracer is None) == (variable == "OTEL_TRACES_EXPORTER")
        assert (told.draw is None) == (variable == "OTEL_TRACES_EXPORTER")
        exporting = any(each.name == THREAD_NAME for each in threading.enumerate())
        assert exporting == (variable == "OTEL_TRACES_EXPORTER")


@pytest.mark.parametrize("protocol", ["grpc", "http/protobuf"])
async def test_a_dead_collector_costs_no_request_and_little_at_the_end(
    protocol: str, dead_collector: dict[str, str]
) -> None:
    variables = dead_collector | {"OTEL_EXPORTER_OTLP_PROTOCOL": protocol}
    async with telemetry("t", variables) as told:
        assert told.tracer is not None
        assert told.draw is not None
        slowest = 0.0
        for _ in range(5_000):
            started = time.perf_counter()
            if told.draw("a/b"):
                with told.tracer.start_as_current_span("s"):
                    pass
            slowest = max(slowest, time.perf_counter() - started)
        assert slowest < 0.25
        ending = time.monotonic()
    assert time.monotonic() - ending < SHUTDOWN_S + 0.5


async def test_a_living_collector_gets_sampled_spans_and_all_durations(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "parentbased_traceidratio")
    monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", "0.25")
    tally = DurationTally(CALL_DURATION.labels("a/sampled", "OK"))
    async with telemetry("t") as told:
        assert told.tracer is not None
        assert told.draw is not None
        behaviour = Tracing(told.tracer, told.draw).around(Method("a/sampled", False), _nothing)
        for _ in range(1_000):
            tally.observe(0.0015)
            await behaviour(None, None)  # type: ignore[arg-type]
        tally.observe(99.0)
        write_tallies()
    spans = collector.all_spans()
    assert 150 < len(spans) < 350
    assert {span.name for span in spans} == {"a/sampled"}
    assert len({span.trace_id for span in spans}) == len(spans)
    [[metric]] = [
        scope.metrics for scope in collector.metrics[-1].resource_metrics[0].scope_metrics
    ]
    assert (metric.name, metric.unit) == ("rpc.server.call.duration", "s")
    [point] = [
        each
        for each in metric.histogram.data_points
        if any(pair.value.string_value == "a/sampled" for pair in each.attributes)
    ]
    assert point.count == 1_001
    assert point.sum == pytest.approx(1_000 * 0.0015 + 99)
    assert point.bucket_counts[2] == 1_000
    assert point.bucket_counts[-1] == 1
    assert len(point.bucket_counts) == len(point.explicit_bounds) + 1


async def _nothing(request: Any, context: Any) -> None:
    return None


async def test_an_unknown_interval_is_named(dead_collector: dict[str, str]) -> None:
    variables = dead_collector | {"OTEL_METRIC_EXPORT_INTERVAL": "soon"}
    with pytest.raises(TelemetryUnavailable, match="soon"):
        async with telemetry("t", variables):
            pass


async def test_an_unknown_protocol_is_named(dead_collector: dict[str, str]) -> None:
    variables = dead_collector | {"OTEL_EXPORTER_OTLP_PROTOCOL": "carrier-pigeon"}
    with pytest.raises(TelemetryUnavailable, match="carrier-pigeon"):
        async with telemetry("t", variables):
            pass


async def test_missing_exporters_are_named(
    dead_collector: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.grpc.trace_exporter", None)
    with pytest.raises(TelemetryUnavailable, match=r"tollgate\[otlp\]"):
        async with telemetry("t", dead_collector):
            pass
