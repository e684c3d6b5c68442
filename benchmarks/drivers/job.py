"""What drivers are told and how: jobs as JSON."""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

import uvloop

from benchmarks.rig.children import PYTHON, run_to_end


@dataclass(frozen=True)
class Target:
    """A server: where it listens and whose processor time counts."""

    address: str
    watched: Mapping[str, Sequence[int]]


@dataclass(frozen=True)
class Job:
    """What every job has: the gateway's key, the tenants, and the beginning of all call ids."""

    key: str
    tenants: Sequence[str]
    prefix: str

    def packed(self) -> bytes:
        """The job for a driver's standard input."""
        return json.dumps(asdict(self)).encode()


J = TypeVar("J", bound=Job)


async def run_driver(module: str, job: Job, timeout_s: float) -> Any:
    """What a driver found. Raises ChildFailed."""
    command = (PYTHON, "-m", f"benchmarks.drivers.{module}")
    return json.loads(await run_to_end(*command, stdin=job.packed(), timeout_s=timeout_s))


def drive(kind: type[J], do: Callable[[J], Awaitable[Any]]) -> None:
    """Do the job on standard input."""
    told = json.load(sys.stdin)
    for name in ("target", "targets"):
        if name in told:
            told[name] = _targets(told[name])
    job = kind(**told)

    async def work() -> Any:
        return await do(job)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        json.dump(runner.run(work()), sys.stdout)


def _targets(told: dict[str, Any]) -> Any:
    if "address" in told:
        return Target(**told)
    return {name: Target(**each) for name, each in told.items()}
