"""What do real, distinct operations cost through a Python gateway, beside an echo of the same?

Every request differs: new calls are authorized, charged with rising usage, and settled. The
driver is a process of grpc.aio too, shares the cores, and costs nearly as much as the echo; so
the processor time of the worker tells the two servers apart better than the throughput does.
"""

import secrets

from benchmarks.drivers.job import run_driver
from benchmarks.drivers.unary import UnaryJob
from benchmarks.figures import ECHO, SERVICE, Answer, Figures, Finding
from benchmarks.rig.bench import Bench, Run, Subject, started_bench

METHODS = ("Authorize", "Charge", "Settle")
TIMEOUT_S = 120.0


async def ask(run: Run) -> list[Answer]:
    """One answer a method; a round sends the same phases to echo and service in turns."""
    plan = run.plan
    rounds: list[dict[str, dict[str, Figures]]] = []
    steps = run.steps("unary, distinct calls", plan.distinct_rounds * 2)
    async with started_bench(run) as bench:
        for number in range(plan.distinct_rounds):
            figures = {}
            for subject in bench.subjects[:: 1 if number % 2 == 0 else -1]:
                figures[subject.name] = await _measure(bench, subject)
                steps.done()
            rounds.append(figures)
        return [_answer(bench, method, rounds) for method in METHODS]


async def _measure(bench: Bench, subject: Subject) -> dict[str, Figures]:
    plan = bench.plan
    job = UnaryJob(
        bench.customers.gateway_key,
        bench.customers.tenants,
        secrets.token_hex(6),
        subject.target,
        plan.distinct_calls,
        plan.charges_per_call,
        plan.concurrency,
        plan.connections,
    )
    figures: dict[str, Figures] = await run_driver("unary", job, TIMEOUT_S)
    return figures


def _answer(bench: Bench, method: str, rounds: list[dict[str, dict[str, Figures]]]) -> Answer:
    plan = bench.plan
    notes = [
        f"distinct calls: closed loop, {plan.concurrency} in flight, {plan.tenants} tenants; the "
        "Python driver shares the cores and costs nearly as much as the echo",
    ]
    if method == "Charge":
        notes.append("distinct calls: usage rises with every report, so money moves")
    if method == "Settle":
        notes.append("distinct calls: a unary Settle waits up to 50 ms for its posting")
    mine = [{name: figures[method] for name, figures in each.items()} for each in rounds]
    finding = Finding.over(
        mine,
        (SERVICE, ECHO),
        "requests_per_s",
        f"distinct_{method.lower()}",
        f"unary {method}, distinct calls",
        unit="requests/s",
        beside="bare echo, same messages",
    )
    return Answer(f"unary {method}, distinct calls", notes, mine, [finding])
