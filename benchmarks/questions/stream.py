"""How many charges does a stream carry, by the number of charges in a message?

Two ceilings, both measured in the same rounds: a stream that only echoes, and the store driven
directly with packed batches. The service cannot be quicker than the lower of the two.
"""

import asyncio
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace

from benchmarks import profiling
from benchmarks.drivers.charges import ChargesJob
from benchmarks.drivers.job import Target, run_driver
from benchmarks.figures import ECHO, SERVICE, Answer, Figures, Finding, middle
from benchmarks.plan import Plan
from benchmarks.questions.packed_batches import lone_shard
from benchmarks.rig.bench import Bench, Run, started_bench
from benchmarks.rig.customers import Customers
from server.calls.session.stream import MAX_UNANSWERED

PACKED = "packed script"
PACKED_SIZE = 256
AIM, AIM_CHARGES_PER_S = 0.6, 60_000
TIMEOUT_S = 120.0
LEAST_WINDOW = 2


async def ask(run: Run) -> list[Answer]:
    """One answer a size; the ceilings are measured right beside each."""
    plan = run.plan
    steps = run.steps("stream of charges", plan.stream_rounds * len(plan.stream_sizes))
    rounds: dict[int, list[dict[str, Figures]]] = {size: [] for size in plan.stream_sizes}
    async with started_bench(run) as bench, lone_shard(run, plan.tenants) as shard:
        await asyncio.to_thread(shard.open, plan.stream_calls)
        for _ in range(plan.stream_rounds):
            for size in plan.stream_sizes:
                packed = await asyncio.to_thread(shard.measure, PACKED_SIZE, plan.packed_s)
                rounds[size].append(await _measure(bench, size) | {PACKED: packed})
                steps.done()
        if run.profiles is not None:
            await _profile(bench)
    answers = [_answer(plan, size, rounds[size]) for size in plan.stream_sizes]
    return [*answers[:-1], replace(answers[-1], findings=[*answers[-1].findings, _rate(answers)])]


def window(plan: Plan, size: int) -> int:
    """Messages in flight on each stream: enough to keep the store's batches full."""
    return min(MAX_UNANSWERED, max(LEAST_WINDOW, plan.stream_in_flight // size))


async def charge(
    plan: Plan,
    customers: Customers,
    targets: Mapping[str, Target],
    size: int,
    seconds: float,
) -> dict[str, dict[str, object]]:
    """Figures and slices of each target under charges of calls that nobody has seen yet."""
    job = ChargesJob(
        customers.gateway_key,
        customers.tenants,
        secrets.token_hex(6),
        dict(targets),
        plan.stream_calls,
        size,
        seconds,
        plan.stream_count,
        window(plan, size),
    )
    found: dict[str, dict[str, object]] = await run_driver("charges", job, TIMEOUT_S)
    return found


async def _measure(bench: Bench, size: int) -> dict[str, Figures]:
    plan = bench.plan
    found = await charge(plan, bench.customers, bench.targets, size, plan.stream_s)
    return {name: each["figures"] for name, each in found.items()}  # type: ignore[misc]


async def _profile(bench: Bench) -> None:
    plan = bench.plan
    size = max(plan.stream_sizes)
    only = {SERVICE: bench.targets[SERVICE]}

    async def load() -> None:
        await charge(plan, bench.customers, only, size, plan.profile_s)

    await profiling.take_profile(bench, f"stream-{size}", load)


def _rate(answers: Sequence[Answer]) -> Finding:
    """How far the best size is on the way to the rate that is aimed at."""
    findings = [finding for answer in answers for finding in answer.findings]
    best = max(findings, key=lambda each: each.measured)
    beside = f"aim on two cores for client, server and store; {best.what}"
    return Finding(
        "stream_rate",
        "charges on streams",
        best.measured,
        AIM_CHARGES_PER_S,
        "charges/s",
        beside,
        1.0,
    )


def _answer(plan: Plan, size: int, rounds: list[dict[str, Figures]]) -> Answer:
    name = f"stream, {size} charge{'s' if size > 1 else ''} a message"
    ceilings = {each: middle(rounds, each, "charges_per_s") for each in (ECHO, PACKED)}
    lower = min(ceilings, key=lambda each: ceilings[each])
    finding = Finding.over(
        rounds,
        (SERVICE, lower),
        "charges_per_s",
        f"stream_{size}",
        name,
        unit="charges/s",
        beside="stream echo" if lower == ECHO else f"packed script, batches of {PACKED_SIZE}",
        aim=AIM,
    )
    notes = [
        f"stream: {plan.stream_count} streams, {plan.stream_calls} calls of {plan.tenants} "
        f"tenants; in flight on each up to {plan.stream_in_flight} charges in up to "
        f"{MAX_UNANSWERED} messages; usage rises with every report, so money moves",
        "stream: client, server and store share the cores; the ratio is to the lower ceiling",
    ]
    return Answer(name, notes, rounds, [finding])
