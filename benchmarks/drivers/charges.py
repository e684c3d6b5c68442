"""Charges over streams, as fast as they are answered: each message distinct, usage rising.

`python -m benchmarks.drivers.charges`: all targets get the same bytes, one after the other, the
first of them once.
"""

import asyncio
import itertools
import time
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.drivers.job import Job, Target, drive
from benchmarks.drivers.streams import Reports, Stream, names, open_calls, streams
from benchmarks.rig.processor import Stopwatch

PROBE_OPERATIONS, MOST_OPERATIONS = 2_000, 600_000
SLICE_S = 0.1


@dataclass(frozen=True)
class ChargesJob(Job):
    """`size` charges a message, `window` messages in flight on each of the streams."""

    targets: dict[str, Target]
    calls: int
    size: int
    seconds: float
    streams: int
    window: int


class Tally:
    """Counts answered operations, and when: one entry for each tenth of a second."""

    def __init__(self) -> None:
        self.operations = 0
        self.slices: list[tuple[float, int]] = []
        self._next = 0.0

    def add(self, results: int) -> None:
        """So many were answered now."""
        self.operations += results
        now = time.monotonic()
        if now >= self._next:
            self.slices.append((now, self.operations))
            self._next = now + SLICE_S


async def run(job: ChargesJob) -> dict[str, dict[str, object]]:
    """For each target its figures, and (seconds of the monotonic clock, charges so far)."""
    calls = names(job.tenants, job.prefix, job.calls)
    reports = Reports(calls)
    probe = [reports.message(job.size) for _ in range(_whole(PROBE_OPERATIONS, job))]
    prepared: list[bytes] = []
    found: dict[str, dict[str, object]] = {}
    for name, target in job.targets.items():
        async with streams(target.address, job.key, job.streams) as opened:
            portions = [calls[i :: job.streams] for i in range(job.streams)]
            await asyncio.gather(*map(open_calls, opened, portions))
            rate = await _probe(job, opened, probe)
            times = 1
            if not prepared:
                count = min(MOST_OPERATIONS, int(rate * job.seconds))
                prepared = [reports.message(job.size) for _ in range(_whole(count, job))]
            else:  # an echo, which is quicker and minds no repeats
                times = max(1, round(rate * job.seconds / (len(prepared) * job.size)))
            found[name] = await _measure(job, target, opened, prepared * times)
    return found


def _whole(operations: int, job: ChargesJob) -> int:
    """Messages for so many operations, a multiple of what is in flight at once."""
    together = job.streams * job.window
    return max(1, round(operations / (job.size * together))) * together


async def _probe(job: ChargesJob, opened: Sequence[Stream], prepared: Sequence[bytes]) -> float:
    started = time.perf_counter()
    await _drive(job, opened, prepared, Tally())
    return len(prepared) * job.size / (time.perf_counter() - started)


async def _measure(
    job: ChargesJob, target: Target, opened: Sequence[Stream], prepared: Sequence[bytes]
) -> dict[str, object]:
    tally, stopwatch, own = Tally(), Stopwatch(target.watched), time.process_time()
    started = time.perf_counter()
    await _drive(job, opened, prepared, tally)
    elapsed_s = time.perf_counter() - started
    figures = {
        "charges_per_s": tally.operations / elapsed_s,
        "messages_per_s": len(prepared) / elapsed_s,
        **stopwatch.figures(tally.operations),
        "driver_cpu_us": (time.process_time() - own) * 1e6 / tally.operations,
    }
    return {"figures": figures, "slices": tally.slices}


async def _drive(
    job: ChargesJob, opened: Sequence[Stream], prepared: Sequence[bytes], tally: Tally
) -> None:
    async def carry(stream: Stream, mine: Sequence[bytes]) -> None:
        async for results in stream.carry(mine, job.size, job.window):
            tally.add(results)

    async with asyncio.TaskGroup() as group:
        for number, stream in enumerate(opened):
            mine = list(itertools.islice(prepared, number, None, len(opened)))
            group.create_task(carry(stream, mine))


if __name__ == "__main__":
    drive(ChargesJob, run)
