"""All that a question needs: the plan, a display of progress, servers, customers."""

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import NamedTuple

from rich.progress import Progress, TaskID

from benchmarks.drivers.job import Target
from benchmarks.figures import ECHO, SERVICE
from benchmarks.plan import Plan
from benchmarks.rig.customers import Customers, create_customers
from benchmarks.rig.service import Service, scratch_place, started_echo, started_service


class Steps:
    """The progress of one question."""

    def __init__(self, progress: Progress, task: TaskID) -> None:
        self._progress, self._task = progress, task

    def done(self, steps: int = 1) -> None:
        """So many steps are done."""
        self._progress.advance(self._task, steps)


class Run(NamedTuple):
    """What every question is given. `profiles` is where profiles are put; None takes none."""

    plan: Plan
    progress: Progress
    profiles: Path | None = None

    def steps(self, what: str, count: int) -> Steps:
        """Shows a question of so many steps."""
        return Steps(self.progress, self.progress.add_task(what, total=count))

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """An empty directory while the block lasts."""
        with scratch_place() as place:
            yield place


class Subject(NamedTuple):
    """One of the two servers."""

    name: str
    target: Target


class Bench(NamedTuple):
    """A service with customers, and an echo beside it."""

    run: Run
    place: Path
    service: Service
    customers: Customers
    # Measured in turns, so that a drift of the machine hits both alike.
    subjects: tuple[Subject, Subject]

    @property
    def plan(self) -> Plan:
        """How much is measured."""
        return self.run.plan

    @property
    def targets(self) -> dict[str, Target]:
        """Both servers by name, the service first."""
        return {each.name: each.target for each in reversed(self.subjects)}


@asynccontextmanager
async def started_bench(
    run: Run, *, workers: int = 1, tenants: int | None = None
) -> AsyncIterator[Bench]:
    """Both servers up with so many processes, the customers created."""
    async with AsyncExitStack() as stack:
        place = stack.enter_context(run.scratch())
        address, pids = await stack.enter_async_context(started_echo(place, workers))
        service, customers = await stack.enter_async_context(
            started_installation(run, place, workers=workers, tenants=tenants)
        )
        subjects = (
            Subject(ECHO, Target(address, {"worker": pids})),
            Subject(SERVICE, Target(service.address, service.watched)),
        )
        yield Bench(run, place, service, customers, subjects)


@asynccontextmanager
async def started_installation(
    run: Run,
    place: Path,
    *,
    workers: int = 1,
    tenants: int | None = None,
    variables: Mapping[str, str] | None = None,
) -> AsyncIterator[tuple[Service, Customers]]:
    """A service alone, with customers."""
    place.mkdir(exist_ok=True)  # noqa: ASYNC240 (for a moment)
    async with started_service(place, workers, variables) as service:
        yield service, await create_customers(service, tenants or run.plan.tenants)
