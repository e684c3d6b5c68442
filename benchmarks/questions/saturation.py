"""How many unary charges can one process take, beside a bare echo, and what does each cost?

h2load sends one prepared body again and again, so every request after the first is a heartbeat:
it is rated and decided like any charge, renews the lease, and moves no money.
"""

from benchmarks.figures import ECHO, SERVICE, Answer
from benchmarks.rig import h2load, messages
from benchmarks.rig.bench import Bench, Subject
from benchmarks.rig.children import ChildFailed
from benchmarks.rig.customers import open_call
from benchmarks.rig.h2load import Load, Target
from benchmarks.rig.processor import Stopwatch

NAME = "unary Charge, saturated"
METHOD = f"{messages.SERVICE}/Charge"
WARM_UP_REQUESTS = 2_000


async def ask(bench: Bench) -> Answer:
    """Rounds of echo and service in turns, after a warm-up that also sizes them."""
    plan = bench.plan
    steps = bench.steps(NAME, (1 + plan.saturation_rounds) * len(bench.subjects))
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
        f"saturated: h2load, {plan.connections} connections x {plan.streams} streams; driver, "
        "server and store share the cores",
        "saturated: one payload repeated: heartbeats, which are rated, decided and answered, but "
        "move no money; the charges of the distinct calls do",
        "saturated: every reply of the service was counted as OK by its own metrics",
    ]
    return Answer(NAME, notes, rounds)


def whole(requests: float, connections: int) -> int:
    """A number of requests that the connections share evenly."""
    return max(connections, round(requests / connections) * connections)


async def _measure(bench: Bench, subject: Subject, requests: int) -> dict[str, float]:
    batches, stopwatch = await bench.service.batches(), Stopwatch(subject.watched)
    load = await load_up(bench, subject, requests)
    figures = {"requests_per_s": load.requests_per_s, **stopwatch.figures(requests)}
    if subject.name == SERVICE:
        # What is in flight shares function calls; a worker that gets one each pays for all.
        figures["batch_size"] = requests / (await bench.service.batches() - batches)
    return figures


async def load_up(bench: Bench, subject: Subject, requests: int, timeout_s: float = 0.0) -> Load:
    """One load on one server. Raises ChildFailed unless gRPC was content with every reply."""
    # A call of its own for each load: no lease runs out between the rounds.
    request = await open_call(bench.service, bench.customers)
    body = bench.place / "charge.bin"
    body.write_bytes(messages.framed(request))
    target = Target(subject.address, METHOD, bench.customers.gateway_key, body)
    before = await bench.service.answered_ok(METHOD)
    load = await h2load.drive(
        target,
        requests,
        connections=bench.plan.connections,
        streams=bench.plan.streams,
        timeout_s=max(timeout_s, bench.plan.saturation_s * 5),
    )
    if subject.name == ECHO:
        good = load.body_bytes // len(messages.framed(messages.CHARGED))
    else:
        good = await bench.service.answered_ok(METHOD) - before
    if good != requests:
        raise ChildFailed(f"the {subject.name} answered {good} of {requests} requests with OK")
    return load
