"""What does telemetry cost: off, and one percent sampled with a living or a dead collector?"""

import json
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path

from benchmarks.drivers.job import Target
from benchmarks.figures import SERVICE, Answer, Figures, Finding
from benchmarks.questions.saturation import load_up, whole
from benchmarks.questions.stream import charge
from benchmarks.rig import h2load
from benchmarks.rig.bench import Bench, Run, Subject, started_installation
from benchmarks.rig.children import ChildFailed
from benchmarks.rig.otlp_sink import SPANS
from benchmarks.rig.processor import Stopwatch
from benchmarks.rig.service import free_ports, started_sink

NAME = "telemetry"
OFF, ALIVE, DEAD = "off", "1 %, collector alive", "1 %, collector dead"
SIZE = 100
AIM = 0.9
WARM_UP_REQUESTS = 1_000
SAMPLED = {
    "OTEL_TRACES_SAMPLER": "parentbased_traceidratio",
    "OTEL_TRACES_SAMPLER_ARG": "0.01",
    # Often enough that a short run exports as well.
    "OTEL_BSP_SCHEDULE_DELAY": "500",
    "OTEL_METRIC_EXPORT_INTERVAL": "2000",
}


async def ask(run: Run) -> list[Answer]:
    """Three services at once, loaded in turns."""
    plan = run.plan
    steps = run.steps(NAME, 3 * (1 + plan.telemetry_rounds))
    rounds: list[dict[str, Figures]] = []
    async with AsyncExitStack() as stack:
        place = stack.enter_context(run.scratch())
        collecting = AsyncExitStack()
        stack.push_async_callback(collecting.aclose)
        endpoint, log = await collecting.enter_async_context(started_sink(place))
        (closed,) = free_ports(1)
        endpoints = {OFF: "", ALIVE: endpoint, DEAD: f"http://127.0.0.1:{closed}"}
        benches = {}
        for number, (name, where) in enumerate(endpoints.items()):
            benches[name] = await _start(run, stack, place / f"service-{number}", where)
            steps.done()
        for number in range(plan.telemetry_rounds):
            figures: dict[str, Figures] = {}
            # Who comes first takes turns.
            names = list(benches)
            for name in names[number % 3 :] + names[: number % 3]:
                figures[name] = await _measure(benches[name])
                steps.done()
            rounds.append(figures)
        await collecting.aclose()
        _check_exports(log)
    return [_answer(rounds)]


async def _start(run: Run, stack: AsyncExitStack, place: Path, endpoint: str) -> Bench:
    variables = SAMPLED | {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint} if endpoint else {}
    service, customers = await stack.enter_async_context(
        started_installation(run, place, variables=variables)
    )
    subject = Subject(SERVICE, Target(service.address, service.watched))
    return Bench(run, place, service, customers, (subject, subject))


async def _measure(bench: Bench) -> dict[str, float]:
    plan, subject = bench.plan, bench.subjects[0]
    targets = {SERVICE: subject.target}
    found = await charge(plan, bench.customers, targets, SIZE, plan.telemetry_s)
    streamed: Mapping[str, float] = found[SERVICE]["figures"]  # type: ignore[assignment]
    figures = {
        "charges_per_s": streamed["charges_per_s"],
        "stream_cpu_us": streamed["worker_cpu_us"],
    }
    if h2load.found():
        rate = (await load_up(bench, subject, WARM_UP_REQUESTS)).requests_per_s
        requests = whole(rate * plan.telemetry_s, plan.connections)
        stopwatch = Stopwatch(subject.target.watched)
        load = await load_up(bench, subject, requests)
        figures["requests_per_s"] = load.requests_per_s
        figures["unary_cpu_us"] = stopwatch.figures(requests)["worker_cpu_us"]
    return figures


def _check_exports(log: Path) -> None:
    exports = json.loads(log.read_text().splitlines()[-1])
    if not exports.get(SPANS):
        raise ChildFailed(f"no spans reached the living collector: {exports}")


def _answer(rounds: list[dict[str, Figures]]) -> Answer:
    kinds = [("stream", "charges_per_s", f"stream, {SIZE} charges a message")]
    if h2load.found():
        kinds.append(("unary", "requests_per_s", "unary Charge"))
    findings = [
        Finding.over(
            rounds,
            (subject, OFF),
            figure,
            f"telemetry_{kind}_{'alive' if subject == ALIVE else 'dead'}",
            f"telemetry {subject}, {what}",
            unit="charges/s",
            beside="telemetry off",
            aim=AIM,
        )
        for kind, figure, what in kinds
        for subject in (ALIVE, DEAD)
    ]
    notes = [
        "telemetry: traces and metrics over OTLP/gRPC; spans and metrics are exported more often "
        "than by default, and the collector is a process on the same cores",
    ]
    return Answer(NAME, notes, rounds, findings)
