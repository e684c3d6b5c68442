"""How long do answers take when requests come whether or not earlier ones were answered?

Open loop: the times of sending are fixed beforehand and latency counts from them, so a server that
stalls is charged for everybody who came meanwhile. The echo gets the same schedule.
"""

import secrets
from collections.abc import Sequence
from typing import Any

from benchmarks.drivers.job import run_driver
from benchmarks.drivers.open_loop import OpenLoopJob
from benchmarks.figures import ECHO, SERVICE, Answer, Figures, Finding
from benchmarks.rig.bench import Bench, Run, Subject, started_bench
from benchmarks.rig.children import ChildFailed

TIMEOUT_S = 120.0
SATURATION_IN_FLIGHT = {"unary": 64, "stream": 64}

Points = Sequence[tuple[float, float]]


async def ask(run: Run) -> list[Answer]:
    """One answer for unary requests, one for messages on streams."""
    plan = run.plan
    steps = run.steps("latency, open loop", 2 * (1 + len(plan.latency_shares)))
    answers = []
    async with started_bench(run) as bench:
        for kind, size in (("unary", 0), ("stream", plan.latency_size)):
            job = _job(bench, bench.subjects[1], size, 0.0, SATURATION_IN_FLIGHT[kind])
            saturation = (await run_driver("open_loop", job, TIMEOUT_S))["charges_per_s"]
            steps.done()
            found = {}
            for share in plan.latency_shares:
                found[share] = await _measure(bench, size, saturation * share)
                steps.done()
            answers.append(_answer(kind, size, saturation, found))
    return answers


async def _measure(bench: Bench, size: int, rate: float) -> dict[str, Any]:
    found = {}
    for subject in bench.subjects:
        job = _job(bench, subject, size, rate, 0)
        try:
            found[subject.name] = await run_driver("open_loop", job, TIMEOUT_S)
        except ChildFailed as error:
            raise ChildFailed(f"the {subject.name} at {rate:,.0f} charges/s: {error}") from error
    return found


def _job(bench: Bench, subject: Subject, size: int, rate: float, in_flight: int) -> OpenLoopJob:
    plan, customers = bench.plan, bench.customers
    return OpenLoopJob(
        customers.gateway_key,
        customers.tenants,
        secrets.token_hex(6),
        subject.target,
        size,
        plan.latency_calls,
        rate,
        plan.latency_s,
        in_flight,
        seed=1,
    )


def _answer(kind: str, size: int, saturation: float, found: dict[float, dict[str, Any]]) -> Answer:
    what = "unary Charge" if kind == "unary" else f"stream, {size} charges a message"
    name = f"latency, open loop, {what}"
    rounds: dict[str, Figures] = {}
    findings, series = [], dict[str, Points]()
    for share, by_subject in found.items():
        for subject, each in by_subject.items():
            rounds[f"{subject} at {share:.0%}"] = each["figures"]
            series[f"{subject} at {share:.0%}"] = [(x, y) for x, y in each["curve"]]
        p99s = [by_subject[subject]["figures"]["p99_ms"] for subject in (SERVICE, ECHO)]
        findings.append(
            Finding(
                f"latency_{kind}_{share:.0%}".removesuffix("%"),
                f"p99 at {share:.0%} of saturation, {what}",
                p99s[0],
                p99s[1],
                "ms",
                "bare echo, same schedule",
                at_most=True,
            )
        )
    notes = [
        f"latency: saturation with this driver was {saturation:,.0f} charges/s ({what})",
        "latency: Poisson arrivals at a fixed rate; counted from when a request was due, "
        'so without coordinated omission; "sent late" is the driver\'s own share; what the server '
        "turned away counts as ten seconds",
    ]
    return Answer(name, notes, [rounds], findings, series)
