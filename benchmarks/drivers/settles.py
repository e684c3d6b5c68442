"""Calls from beginning to end over one stream, so that their settlements wait in the outbox.

`python -m benchmarks.drivers.settles` authorizes, charges and settles each call once.
"""

from dataclasses import dataclass

from benchmarks.drivers.job import Job, Target, drive
from benchmarks.drivers.streams import names, open_calls, report_calls, settle_calls, streams

# Below the most that one FCALL and one message may hold, above what would take all day.
PORTION = 2_000
LAST_STEP = 4


@dataclass(frozen=True)
class SettlesJob(Job):
    """How many calls."""

    target: Target
    calls: int


async def run(job: SettlesJob) -> int:
    """How many settles were accepted."""
    calls = names(job.tenants, job.prefix, job.calls)
    async with streams(job.target.address, job.key, 1) as (stream,):
        for first in range(0, len(calls), PORTION):
            portion = calls[first : first + PORTION]
            await open_calls(stream, portion)
            await report_calls(stream, portion, 1)
            await settle_calls(stream, portion, LAST_STEP)
    return len(calls)


if __name__ == "__main__":
    drive(SettlesJob, run)
