"""Questions of `make bench`, asked for as little as makes each of them give an answer."""

import math
from collections.abc import Iterator

import pytest
from rich.progress import Progress

from benchmarks.figures import Answer
from benchmarks.plan import QUICK
from benchmarks.questions import packed_batches, soak, stream
from benchmarks.rig.bench import Run

TINY = QUICK._replace(
    tenants=4,
    stream_sizes=(1, 100),
    stream_s=0.2,
    packed_s=0.1,
    stream_calls=200,
    stream_in_flight=200,
    batch_sizes=(1, 64),
    batch_s=0.1,
    batch_calls=100,
    soak_s=2.0,
    soak_calls=100,
    soak_streams=2,
)


@pytest.fixture
def run() -> Iterator[Run]:
    """A run that shows no progress."""
    with Progress(disable=True) as progress:
        yield Run(TINY, progress)


async def test_a_stream_is_measured_beside_its_ceilings(run: Run) -> None:
    answers = await stream.ask(run)
    keys = [finding.key for answer in answers for finding in answer.findings]
    assert keys == ["stream_1", "stream_100", "stream_rate"]
    for answer in answers:
        assert {"service", "echo", "packed script"} <= set(answer.subjects())
        assert_finite(answer)


async def test_the_store_alone_is_measured(run: Run) -> None:
    [answer] = await packed_batches.ask(run)
    assert answer.subjects() == ["batch of 1", "batch of 64"]
    assert_finite(answer)


async def test_a_soak_with_cuts_comes_out_right(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(soak, "REPORT_S", 0.5)
    monkeypatch.setattr(soak, "LOOK_S", 0.2)
    [answer] = await soak.ask(run)  # or it raises what the audit, or a count, found wrong
    assert answer.median("soak", "audit_differences") == 0
    for figure, least in (("calls_posted", TINY.soak_calls), ("operations", 300), ("cuts", 1)):
        assert (answer.median("soak", figure) or 0) >= least
    assert [finding.key for finding in answer.findings] == ["soak_worker", "soak_store"]
    assert_finite(answer)


def assert_finite(answer: Answer) -> None:
    """Whoever was measured did something, and each finding is a number."""
    if "charges_per_s" in answer.names():
        assert all(answer.median(subject, "charges_per_s") for subject in answer.subjects())
    for finding in answer.findings:
        assert finding.measured > 0
        assert math.isfinite(finding.ratio)
