"""Telemetry is off by default, and a dead collector changes nothing."""

import socket
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from server.otlp import TelemetryUnavailable
from server.telemetry import SHUTDOWN_S, telemetry


@pytest.fixture
def dead_collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """Variables that name a port where nobody listens. The exporters' last threads are waited for:
    they draw random pauses, which would disturb the property tests that follow.
    """
    before = set(threading.enumerate())
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        endpoint = f"http://127.0.0.1:{probe.getsockname()[1]}"
    variables = {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "OTEL_BSP_MAX_QUEUE_SIZE": "512"}
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    yield variables
    for thread in set(threading.enumerate()) - before:
        thread.join(timeout=30)


async def test_nothing_is_on_without_an_endpoint() -> None:
    async with telemetry("t", {}) as told:
        assert told == (None, None, None)


@pytest.mark.parametrize("variable", ["OTEL_TRACES_EXPORTER", "OTEL_METRICS_EXPORTER"])
async def test_a_signal_can_be_left_out(variable: str, dead_collector: dict[str, str]) -> None:
    async with telemetry("t", dead_collector | {variable: "none"}) as told:
        assert (told.tracer is None) == (variable == "OTEL_TRACES_EXPORTER")
        assert (told.record is None) == (variable == "OTEL_METRICS_EXPORTER")


@pytest.mark.parametrize("protocol", ["grpc", "http/protobuf"])
async def test_a_dead_collector_costs_no_request_and_little_at_the_end(
    protocol: str, dead_collector: dict[str, str]
) -> None:
    variables = dead_collector | {"OTEL_EXPORTER_OTLP_PROTOCOL": protocol}
    async with telemetry("t", variables) as told:
        assert told.tracer is not None
        assert told.record is not None
        slowest = 0.0
        for _ in range(5_000):
            started = time.perf_counter()
            with told.tracer.start_as_current_span("s"):
                told.record("a/b", "OK", 0.001)
            slowest = max(slowest, time.perf_counter() - started)
        assert slowest < 0.25
        ending = time.monotonic()
    assert time.monotonic() - ending < SHUTDOWN_S + 0.5


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
