"""How many unary charges can a server take, beside a bare echo, and what does each cost?

h2load sends one prepared body again and again, so every request after the first is a heartbeat:
it is rated and decided like any charge, renews the lease, and moves no money. Asked of one worker
process and of two that share the port, with as many processes of the echo.
"""

import asyncio

from benchmarks import profiling
from benchmarks.figures import ECHO, SERVICE, Answer, Finding, middle
from benchmarks.rig import h2load, messages
from benchmarks.rig.bench import Bench, Run, Subject, started_bench
from benchmarks.rig.children import ChildFailed
from benchmarks.rig.customers import open_call
from benchmarks.rig.h2load import Aim, Load
from benchmarks.rig.processor import Stopwatch

METHOD = f"{messages.SERVICE}/Charge"
WARM_UP_REQUESTS = 2_000
AIM = 0.7
TALLY_LOOKS, TALLY_PAUSE_S, TALLY_SETTLE_S = 20, 0.25, 1.2
# Below this share of a core a saturated server was held up by something else.
BUSY = 0.9


def name(workers: int) -> str:
    """The question's name."""
    return f"unary Charge, {workers} worker{'s' if workers > 1 else ''}"


async def ask(run: Run) -> list[Answer]:
    """One answer for each number of workers."""
    if h2load.found() is None:
        raise ChildFailed(
            "h2load is not on PATH (Debian, Ubuntu: apt install nghttp2-client): unary saturation "
            "is not measured"
        )
    answers = []
    for workers in run.plan.workers:
        async with started_bench(run, workers=workers) as bench:
            answers.append(await _ask(bench, workers))
            if workers == 1 and run.profiles is not None:
                await _profile(bench)
    return answers


async def _profile(bench: Bench) -> None:
    plan, service = bench.plan, bench.subjects[1]
    rate = (await load_up(bench, service, WARM_UP_REQUESTS)).requests_per_s
    requests = whole(rate * plan.profile_s * 0.9, plan.connections)

    async def load() -> None:
        await load_up(bench, service, requests, timeout_s=plan.profile_s * 5)

    await profiling.take_profile(bench, "unary", load)


async def _ask(bench: Bench, workers: int) -> Answer:
    """Rounds of echo and service in turns, after a warm-up that also sizes them."""
    plan = bench.plan
    steps = bench.run.steps(name(workers), (1 + plan.saturation_rounds) * len(bench.subjects))
    sizes: dict[str, int] = {}
    for subject in bench.subjects:
        load = await load_up(bench, subject, WARM_UP_REQUESTS)
        sizes[subject.name] = whole(load.requests_per_s * plan.saturation_s, plan.connections)
        steps.done()
    rounds = []
    for number in range(plan.saturation_rounds):
        figures = {}
        # The one that begins takes turns too.
        for subject in bench.subjects[:: 1 if number % 2 == 0 else -1]:
            figures[subject.name] = await _measure(bench, subject, sizes[subject.name])
            steps.done()
        rounds.append(figures)
    notes = [
        f"unary: h2load, {plan.connections} connections x {plan.streams} streams for each worker; "
        "driver, server and store share the cores",
        "unary: one payload repeated: heartbeats, which are rated, decided and answered, but "
        "move no money; the charges of the distinct calls and the streams do",
        "unary: every reply of the service was counted as OK by its own metrics",
        *_doubt(rounds, workers),
    ]
    finding = Finding.over(
        rounds,
        (SERVICE, ECHO),
        "requests_per_s",
        f"unary_{workers}",
        name(workers),
        unit="charges/s",
        beside="bare echo, same bytes",
        aim=AIM,
    )
    return Answer(name(workers), notes, rounds, [finding])


async def _answered_ok(bench: Bench, before: int, requests: int) -> int:
    """How many were answered with OK; other workers than the one that is asked write their counts
    down once a second.
    """
    good = 0
    for _ in range(TALLY_LOOKS):
        good = await bench.service.answered_ok(METHOD) - before
        if good >= requests:
            break
        await asyncio.sleep(TALLY_PAUSE_S)
    return good


def _doubt(rounds: list[dict[str, dict[str, float]]], workers: int) -> list[str]:
    busy = [middle(rounds, subject, "worker_busy") for subject in (SERVICE, ECHO)]
    if workers > 1 or min(busy) >= BUSY:
        return []
    return [
        "unary: the machine had other work: a server that should be saturated got less than "
        f"{BUSY:.0%} of a core; the ratio of the processor times is the better guide"
    ]


def whole(requests: float, connections: int) -> int:
    """A number of requests that the connections share evenly."""
    return max(connections, round(requests / connections) * connections)


async def _measure(bench: Bench, subject: Subject, requests: int) -> dict[str, float]:
    batches, stopwatch = await bench.service.batches(), Stopwatch(subject.target.watched)
    load = await load_up(bench, subject, requests)
    # Some seconds went by around the load, until the workers had written down what they answered.
    spent = stopwatch.figures(requests, requests / load.requests_per_s)
    figures = {"requests_per_s": load.requests_per_s, **spent}
    if subject.name == SERVICE:
        # What is in flight shares function calls; a worker that gets one each pays for all.
        figures["batch_size"] = requests / (await bench.service.batches() - batches)
    return figures


async def load_up(bench: Bench, subject: Subject, requests: int, timeout_s: float = 0.0) -> Load:
    """One load on one server. Raises ChildFailed unless gRPC was content with every reply."""
    # A call of its own for each load, so that every load begins alike.
    request = await open_call(bench.service, bench.customers)
    body = bench.place / "charge.bin"
    body.write_bytes(messages.framed(request))
    aim = Aim(subject.target.address, METHOD, bench.customers.gateway_key, body)
    workers = len(subject.target.watched["worker"])
    if workers > 1:
        # The call was opened a moment ago, and not every worker has written that down yet.
        await asyncio.sleep(TALLY_SETTLE_S)
    before = await bench.service.answered_ok(METHOD)
    load = await h2load.drive(
        aim,
        requests,
        connections=bench.plan.connections * workers,
        streams=bench.plan.streams,
        timeout_s=max(timeout_s, bench.plan.saturation_s * 5),
    )
    if subject.name == ECHO:
        good = load.body_bytes // len(messages.framed(messages.CHARGED))
    else:
        good = await _answered_ok(bench, before, requests)
    if good != requests:
        raise ChildFailed(f"the {subject.name} answered {good} of {requests} requests with OK")
    return load
