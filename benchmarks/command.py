"""The command: asks every question, shows and writes what was found."""

import argparse
import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)

from benchmarks import machine, plots
from benchmarks.figures import Answer
from benchmarks.plan import FEW_TELEMETRY_ROUNDS, FULL, QUICK, SHORT_SOAK_S, Plan
from benchmarks.questions import (
    distinct_calls,
    drain,
    growth,
    hot_tenant,
    latency,
    memory,
    packed_batches,
    saturation,
    soak,
    stream,
    telemetry,
)
from benchmarks.report import RESULTS, Report
from benchmarks.rig.bench import Run
from server import logs

Ask = Callable[[Run], Awaitable[list[Answer]]]

QUESTIONS: dict[str, Ask] = {
    "unary": saturation.ask,
    "distinct": distinct_calls.ask,
    "packed": packed_batches.ask,
    "stream": stream.ask,
    "latency": latency.ask,
    "drain": drain.ask,
    "growth": growth.ask,
    "memory": memory.ask,
    "hot_tenant": hot_tenant.ask,
    "telemetry": telemetry.ask,
    "soak": soak.ask,
}
SOAK_MARGIN_S = 300.0


def main() -> None:
    """Measure; the exit status tells whether every question was answered, not whether an aim was
    reached.
    """
    arguments = _arguments()
    console = Console()
    logs.configure("error", "console")
    try:
        failed = asyncio.run(_run(arguments, console))
    except (KeyboardInterrupt, asyncio.CancelledError):
        console.print("stopped")
        sys.exit(130)
    sys.exit(1 if failed else 0)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks", description=main.__doc__)
    parser.add_argument(
        "--quick",
        action="store_true",
        default=os.environ.get("QUICK", "0") not in ("", "0"),
        help="less of everything, within three minutes, without the soak and telemetry, which one "
        "round tells nothing of; QUICK=1 does the same",
    )
    parser.add_argument(
        "--only",
        type=chosen,
        default=list(QUESTIONS),
        metavar="NAMES",
        help=f"which questions, separated by commas: {', '.join(QUESTIONS)}",
    )
    parser.add_argument("--soak-seconds", type=float, help="how long the soak lasts")
    parser.add_argument(
        "--profile", action="store_true", help="also watch the worker under load with py-spy"
    )
    return parser.parse_args()


def chosen(names: str) -> list[str]:
    """The questions of a list of names, in our order. Raises ArgumentTypeError."""
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    unknown = set(wanted) - QUESTIONS.keys()
    if unknown or not wanted:
        raise argparse.ArgumentTypeError(
            f"unknown: {', '.join(sorted(unknown)) or 'nothing'}; there are {', '.join(QUESTIONS)}"
        )
    return [name for name in QUESTIONS if name in wanted]


def _plan(arguments: argparse.Namespace) -> tuple[Plan, Sequence[str]]:
    plan: Plan = QUICK if arguments.quick else FULL
    names: list[str] = arguments.only
    if len(names) < len(QUESTIONS):  # what a plan leaves out is asked when it is named
        plan = plan._replace(
            soak_s=plan.soak_s or SHORT_SOAK_S,
            telemetry_rounds=plan.telemetry_rounds or FEW_TELEMETRY_ROUNDS,
        )
    if arguments.soak_seconds is not None:
        plan = plan._replace(soak_s=arguments.soak_seconds)
    asked = {"soak": plan.soak_s, "telemetry": plan.telemetry_rounds}
    return plan, [name for name in names if asked.get(name, True)]


async def _run(arguments: argparse.Namespace, console: Console) -> bool:
    """Whether a question failed."""
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    plan, names = _plan(arguments)
    facts, taken_at, commit = machine.described(), datetime.now(UTC), machine.commit()
    directory = RESULTS / f"{taken_at:%Y%m%dT%H%M%SZ}-{commit}"
    answers: list[Answer] = []
    failures: dict[str, str] = {}
    ends_at = asyncio.get_running_loop().time() + plan.limit_s
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(SpinnerColumn(), *columns, TimeElapsedColumn(), console=console) as progress:
        run = Run(plan, progress, directory if arguments.profile else None)
        for name in names:
            limit_s = min(_limit_s(plan, name), ends_at - asyncio.get_running_loop().time())
            try:
                async with asyncio.timeout(limit_s):
                    answers += await QUESTIONS[name](run)
            except Exception as error:  # the others are still asked
                failures[name] = _told(error)
                progress.console.print(
                    f"{name} failed: {failures[name]}", style="red", markup=False
                )
    seconds = (datetime.now(UTC) - taken_at).total_seconds()
    report = Report(taken_at, plan.name, commit, facts, seconds, answers, failures)
    _finish(report, directory, console)
    return bool(failures)


def _limit_s(plan: Plan, name: str) -> float:
    return plan.soak_s + SOAK_MARGIN_S if name == "soak" else plan.question_s


def _told(error: Exception) -> str:
    """What went wrong, for people; of several failures the first that is none of a group."""
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return f"{type(error).__name__}: {error}".strip(": ")


def _finish(report: Report, directory: Path, console: Console) -> None:
    report.show(console)
    report.write(directory)
    for path in plots.draw(report, directory):
        console.print(f"drawn: {path.name}", style="dim", highlight=False)
    console.print(f"written to {directory.relative_to(machine.ROOT)}")
