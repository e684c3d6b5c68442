"""All that a question needs: the plan, both servers, the customers, and a progress display."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import NamedTuple

from rich.progress import Progress, TaskID

from benchmarks.figures import ECHO, SERVICE
from benchmarks.plan import Plan
from benchmarks.rig.customers import Customers, create_customers
from benchmarks.rig.service import Service, started_echo, started_service


class Subject(NamedTuple):
    """One of the two servers: where it listens and whose processor time counts."""

    name: str
    address: str
    watched: dict[str, int]


class Steps:
    """The progress of one question."""

    def __init__(self, progress: Progress, task: TaskID) -> None:
        self._progress, self._task = progress, task

    def done(self) -> None:
        """One step is done."""
        self._progress.advance(self._task)


class Bench(NamedTuple):
    """What questions measure with."""

    plan: Plan
    place: Path
    service: Service
    customers: Customers
    # Measured in turns, so that a drift of the machine hits both alike.
    subjects: tuple[Subject, Subject]
    progress: Progress

    def steps(self, what: str, count: int) -> Steps:
        """Shows a question of so many steps."""
        return Steps(self.progress, self.progress.add_task(what, total=count))


@asynccontextmanager
async def started_bench(plan: Plan, place: Path, progress: Progress) -> AsyncIterator[Bench]:
    """Both servers up, the customers created."""
    task = progress.add_task("starting the service and the echo", total=3)
    async with AsyncExitStack() as stack:
        address, pid = await stack.enter_async_context(started_echo(place))
        progress.advance(task)
        service = await stack.enter_async_context(started_service(place))
        progress.advance(task)
        customers = await create_customers(service, plan.tenants)
        progress.advance(task)
        subjects = (
            Subject(ECHO, address, {"worker": pid}),
            Subject(SERVICE, service.address, service.watched),
        )
        yield Bench(plan, place, service, customers, subjects, progress)
