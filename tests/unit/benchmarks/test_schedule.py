"""Open-loop schedules: fixed beforehand, and latencies that count the waiting."""

import asyncio
import itertools
import time

import pytest

from benchmarks.plan import FULL, QUICK
from benchmarks.questions.stream import window
from benchmarks.rig.alarm import Alarm
from benchmarks.rig.schedule import arrivals, latencies


def test_arrivals_rise_within_the_time_at_the_rate() -> None:
    times = arrivals(1_000, 20.0, seed=1)
    assert times == sorted(times)
    assert times[0] > 0
    assert times[-1] < 20
    assert len(times) == pytest.approx(20_000, rel=0.03)


def test_gaps_vary_as_those_of_independent_callers_do() -> None:
    times = arrivals(1_000, 20.0, seed=1)
    gaps = [after - before for before, after in itertools.pairwise(times)]
    longer = sum(gap > 1 / 1_000 for gap in gaps) / len(gaps)
    assert longer == pytest.approx(0.368, abs=0.02)  # 1/e


def test_the_same_seed_gives_service_and_echo_the_same_schedule() -> None:
    assert arrivals(500, 2.0, seed=7) == arrivals(500, 2.0, seed=7)
    assert arrivals(500, 2.0, seed=7) != arrivals(500, 2.0, seed=8)


def test_latency_counts_from_when_a_request_was_due() -> None:
    """A server that stalls for a second is charged for all who came meanwhile."""
    due = [0.0, 0.25, 0.5, 0.75]
    answered = [1.0, 1.0, 1.0, 1.0]
    assert latencies(due, answered, patience_s=10) == [0.25, 0.5, 0.75, 1.0]


def test_what_was_not_answered_counts_as_the_whole_patience() -> None:
    """Otherwise a server would look the quicker the more it turns away."""
    assert latencies([0.0, 1.0], [None, 1.5], patience_s=10) == [0.5, 10]


async def test_an_alarm_rings_when_it_is_due_and_not_before() -> None:
    with Alarm() as alarm:
        for _ in range(3):
            due = time.monotonic() + 0.002
            async with asyncio.timeout(5):
                await alarm.until(due)
            assert time.monotonic() >= due
        await alarm.until(time.monotonic() - 1)


def test_messages_in_flight_are_fewer_the_larger_they_are() -> None:
    assert [window(FULL, size) for size in FULL.stream_sizes] == [32, 32, 10, 5, 2]


def test_no_call_is_in_flight_twice() -> None:
    """Otherwise its second report would wait for the first, and distinct calls would not be."""
    for plan in (FULL, QUICK):
        for size in plan.stream_sizes:
            assert size * window(plan, size) * plan.stream_count <= plan.stream_calls
