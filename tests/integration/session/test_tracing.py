"""What is traced of a stream: its batches, each by itself."""

import pytest

from tests.collector import Collector
from tests.integration.api.gateway import Gateway
from tests.integration.api.installation import ADMIN_KEY, installed
from tests.integration.api.stream import stream

BATCHES = 40


async def test_batches_of_a_stream_are_sampled_one_by_one(
    collector: Collector, redis_url: str, postgres_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "parentbased_traceidratio")
    monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", "0.5")
    async with installed(redis_url, postgres_dsn) as installation:
        await installation.tenant("acme", balance=1_000_000)
        gateway = Gateway(installation.admin)
        async with stream(installation.channel, ADMIN_KEY) as session:
            await session.ask(gateway.authorization("c1"))
            for seconds in range(1, BATCHES):
                await session.ask(gateway.report("c1", seconds))
    spans = [span for span in collector.all_spans() if span.name == "Session batch"]
    assert 0 < len(spans) < BATCHES
    assert len({span.trace_id for span in spans}) == len(spans)
    assert all(not span.parent_span_id for span in spans)
    assert len({span.links[0].trace_id for span in spans}) == 1
