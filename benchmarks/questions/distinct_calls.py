"""What do real, distinct operations cost through a Python gateway, beside an echo of the same?

Every request differs: new calls are authorized, charged with rising usage, and settled. The
driver is a process of grpc.aio too, shares the cores, and costs nearly as much as the echo; so
the processor time of the worker tells the two servers apart better than the throughput does.
"""

import json
import secrets

from benchmarks.figures import Answer, Figures
from benchmarks.rig.bench import Bench, Subject
from benchmarks.rig.children import PYTHON, run_to_end
from benchmarks.rig.driver import Job

METHODS = ("Authorize", "Charge", "Settle")
TIMEOUT_S = 120.0


async def ask(bench: Bench) -> list[Answer]:
    """One answer a method; a round sends the same phases to echo and service in turns."""
    plan = bench.plan
    steps = bench.steps("distinct calls", plan.distinct_rounds * len(bench.subjects))
    rounds: list[dict[str, dict[str, Figures]]] = []
    for number in range(plan.distinct_rounds):
        figures = {}
        for subject in bench.subjects[:: 1 if number % 2 == 0 else -1]:
            figures[subject.name] = await _measure(bench, subject)
            steps.done()
        rounds.append(figures)
    return [_answer(bench, method, rounds) for method in METHODS]


async def _measure(bench: Bench, subject: Subject) -> dict[str, Figures]:
    plan = bench.plan
    job = Job(
        subject.address,
        bench.customers.gateway_key,
        bench.customers.tenants,
        secrets.token_hex(6),
        plan.distinct_calls,
        plan.charges_per_call,
        plan.concurrency,
        plan.connections,
        subject.watched,
    )
    command = (PYTHON, "-m", "benchmarks.rig.driver")
    output = await run_to_end(*command, stdin=job.packed(), timeout_s=TIMEOUT_S)
    figures: dict[str, Figures] = json.loads(output)
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
    return Answer(
        f"unary {method}, distinct calls",
        notes,
        [{name: figures[method] for name, figures in each.items()} for each in rounds],
    )
