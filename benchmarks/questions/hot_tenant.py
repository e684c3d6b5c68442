"""Does it matter whether all charges are of one tenant or of many?"""

from benchmarks.drivers.job import Target
from benchmarks.figures import SERVICE, Answer, Figures, Finding
from benchmarks.questions.stream import charge
from benchmarks.rig.bench import Run, started_installation

NAME = "one hot tenant"
SIZE = 100


async def ask(run: Run) -> list[Answer]:
    """Rounds of the same load on the same service, of one tenant and of all in turns."""
    # Every tenant has a call.
    plan = run.plan._replace(stream_calls=max(run.plan.stream_calls, run.plan.hot_tenants))
    one, many = "one tenant", f"{plan.hot_tenants:,} tenants"
    steps = run.steps(NAME, 1 + 2 * plan.hot_rounds)
    rounds: list[dict[str, Figures]] = []
    with run.scratch() as place:
        async with started_installation(run, place, tenants=plan.hot_tenants) as installation:
            service, customers = installation
            steps.done()
            targets = {SERVICE: Target(service.address, service.watched)}
            loads = {one: customers._replace(tenants=customers.tenants[:1]), many: customers}
            for number in range(plan.hot_rounds):
                figures: dict[str, Figures] = {}
                for name in list(loads)[:: 1 if number % 2 == 0 else -1]:
                    found = await charge(plan, loads[name], targets, SIZE, plan.hot_s)
                    figures[name] = found[SERVICE]["figures"]  # type: ignore[assignment]
                    steps.done()
                rounds.append(figures)
    finding = Finding.over(
        rounds,
        (one, many),
        "charges_per_s",
        "hot_tenant",
        f"one hot tenant, {SIZE} charges a message",
        unit="charges/s",
        beside=f"the same calls of {many}",
    )
    notes = [f"hot tenant: {plan.stream_calls:,} calls in both loads"]
    return [Answer(NAME, notes, rounds, [finding])]
