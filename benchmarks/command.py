"""The command: starts the bench, asks every question, shows and writes what was found."""

import argparse
import asyncio
import os
import signal
import sys
from datetime import UTC, datetime

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from benchmarks import machine, profiling
from benchmarks.plan import FULL, QUICK, Plan
from benchmarks.questions import distinct_calls, packed_batches, saturation
from benchmarks.report import RESULTS, Report
from benchmarks.rig import h2load
from benchmarks.rig.bench import started_bench
from benchmarks.rig.children import ChildFailed
from benchmarks.rig.service import scratch_place
from server import logs

NO_H2LOAD = (
    "h2load is not on PATH (Debian, Ubuntu: apt install nghttp2-client): saturation was not "
    "measured, and the headline is what the Python driver reached."
)


def main() -> None:
    """Measure; the exit status tells whether that worked, not whether the aim was reached."""
    arguments = _arguments()
    console = Console()
    logs.configure("warning", "console")
    try:
        asyncio.run(_run(QUICK if arguments.quick else FULL, arguments.profile, console))
    except (ChildFailed, TimeoutError) as error:
        console.print(f"the benchmark failed: {error}", style="red", markup=False)
        sys.exit(1)
    except (KeyboardInterrupt, asyncio.CancelledError):
        console.print("stopped")
        sys.exit(130)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks", description=main.__doc__)
    parser.add_argument(
        "--quick",
        action="store_true",
        default=os.environ.get("QUICK", "0") not in ("", "0"),
        help="less of everything, within a minute; QUICK=1 does the same",
    )
    parser.add_argument(
        "--profile", action="store_true", help="also watch the worker under load with py-spy"
    )
    return parser.parse_args()


async def _run(plan: Plan, profile: bool, console: Console) -> None:
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    async with asyncio.timeout(plan.limit_s):
        report = await _measure(plan, profile, console)
    report.show(console)
    if h2load.found() is None:
        console.print(NO_H2LOAD, style="yellow")
    path = report.write()
    console.print(f"written to {path.relative_to(machine.ROOT)}")


async def _measure(plan: Plan, profile: bool, console: Console) -> Report:
    facts, taken_at, commit = machine.described(), datetime.now(UTC), machine.commit()
    headline = saturation.NAME if h2load.found() else "unary Charge, distinct calls"
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    answers = []
    with scratch_place() as place, Progress(*columns, console=console) as progress:
        async with started_bench(plan, place, progress) as bench:
            if h2load.found():
                answers.append(await saturation.ask(bench))
            answers += await distinct_calls.ask(bench)
            if profile and h2load.found():
                name = f"{taken_at:%Y%m%dT%H%M%SZ}-{commit}-profile"
                await profiling.take_profile(bench, RESULTS / name)
        answers.append(await packed_batches.ask(plan, place, progress))
    return Report(taken_at, plan.name, commit, facts, answers, headline)
