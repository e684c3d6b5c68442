"""What a run found: a table with the ratios first, the figures behind it, and all of it as JSON."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.figures import Answer, Finding

RESULTS = Path(__file__).parent / "results"
FILE = "results.json"

UNITS = {
    "requests_per_s": ("requests/s", "{:,.0f}"),
    "charges_per_s": ("charges/s", "{:,.0f}"),
    "messages_per_s": ("messages/s", "{:,.0f}"),
    "rows_per_s": ("rows/s", "{:,.0f}"),
    "calls_per_s": ("calls/s", "{:,.0f}"),
    "rows_per_call": ("rows a call", "{:.1f}"),
    "worker_cpu_us": ("server CPU, µs each", "{:,.1f}"),
    "stream_cpu_us": ("stream: server CPU, µs each", "{:,.1f}"),
    "unary_cpu_us": ("unary: server CPU, µs each", "{:,.1f}"),
    "store_cpu_us": ("store CPU, µs each", "{:,.1f}"),
    "charge_cpu_us": ("store CPU, µs a charge", "{:,.1f}"),
    "authorize_cpu_us": ("store CPU, µs an authorize", "{:,.1f}"),
    "settle_cpu_us": ("store CPU, µs a settle", "{:,.1f}"),
    "worker_busy": ("server, cores busy", "{:.2f}"),
    "store_busy": ("store, cores busy", "{:.2f}"),
    "driver_cpu_us": ("driver CPU, µs each", "{:,.1f}"),
    "batch_size": ("charges in one batch", "{:.1f}"),
    "p50_ms": ("p50, ms", "{:,.2f}"),
    "p90_ms": ("p90, ms", "{:,.2f}"),
    "p99_ms": ("p99, ms", "{:,.2f}"),
    "p99.9_ms": ("p99.9, ms", "{:,.2f}"),
    "max_ms": ("most, ms", "{:,.1f}"),
    "unanswered": ("unanswered", "{:,.0f}"),
    "sent_late_p99_ms": ("sent late, p99, ms", "{:,.2f}"),
    "batch_ms": ("one batch, ms", "{:,.2f}"),
    "used_mb": ("memory, MiB", "{:,.0f}"),
    "bytes_per_call": ("bytes a call", "{:,.0f}"),
    "bytes_per_authorized_call": ("bytes a call, authorized", "{:,.0f}"),
    "bytes_per_tenant": ("bytes a tenant", "{:,.0f}"),
    "calls_posted": ("calls posted", "{:,.0f}"),
    "operations": ("operations", "{:,.0f}"),
    "cuts": ("cuts", "{:,.0f}"),
    "audit_differences": ("audit differences", "{:,.0f}"),
    "worker_mb": ("server, MiB", "{:,.0f}"),
    "store_mb": ("store, MiB", "{:,.0f}"),
    "store_used_mb": ("store, used of it, MiB", "{:,.1f}"),
    "store_used_mb_per_hour": ("store, used of it, MiB/h", "{:+,.1f}"),
    "worker_mb_per_hour": ("server, MiB/h", "{:+,.1f}"),
    "store_mb_per_hour": ("store, MiB/h", "{:+,.1f}"),
}


@dataclass(frozen=True)
class Report:
    """One run. `failures` says of the questions without an answer what went wrong."""

    taken_at: datetime
    plan: str
    commit: str
    machine: Mapping[str, object]
    seconds: float
    answers: Sequence[Answer]
    failures: Mapping[str, str] = field(default_factory=dict)

    @property
    def findings(self) -> list[Finding]:
        """All ratios, in the order of the questions."""
        return [finding for answer in self.answers for finding in answer.findings]

    def write(self, directory: Path) -> Path:
        """Write the JSON; returns where."""
        directory.mkdir(parents=True, exist_ok=True)
        path = directory / FILE
        path.write_text(json.dumps(self.written(), indent=1, ensure_ascii=False) + "\n")
        return path

    def written(self) -> dict[str, object]:
        """The report as it is written down."""
        return {
            "taken_at": self.taken_at.astimezone(UTC).isoformat(timespec="seconds"),
            "commit": self.commit,
            "plan": self.plan,
            "machine": dict(self.machine),
            "seconds": round(self.seconds, 1),
            "findings": [each.written() for each in self.findings],
            "failures": dict(self.failures),
            "questions": {each.question: each.written() for each in self.answers},
        }

    def show(self, console: Console) -> None:
        """Print the ratios, the figures behind them, and what must be known to read them."""
        for answer in self.answers:
            console.print(_figures(answer))
        for note in dict.fromkeys(note for answer in self.answers for note in answer.notes):
            console.print(f"- {note}", style="dim", highlight=False, markup=False)
        console.print(_ratios(self.findings))
        for name, why in self.failures.items():
            console.print(f"{name} failed: {why}", style="red", markup=False)


def quantity(number: float) -> str:
    """A figure with as many digits as tell something."""
    return f"{number:,.0f}" if abs(number) >= 100 else f"{number:,.3g}"


def aim_of(finding: Finding) -> str:
    """The aim as text: what the ratio should be at least or at most."""
    return "" if finding.aim is None else f"{'≤' if finding.at_most else '≥'} {finding.aim:g}"


def _ratios(findings: Sequence[Finding]) -> Table:
    table = Table("ratio", "aim", "", "measured", "beside", title="ratios")
    colours = {True: "green", False: "red", None: "default"}
    for each in findings:
        table.add_row(
            f"[bold {colours[each.reached]}]{each.ratio:.2f}[/]",
            aim_of(each),
            each.what,
            f"{quantity(each.measured)} {each.unit}",
            f"{quantity(each.ceiling)} ({each.beside})",
        )
    return table


def _figures(answer: Answer) -> Table:
    """Figures down, subjects across: there are few subjects."""
    table = Table("", title=answer.question)
    subjects = answer.subjects()
    for subject in subjects:
        table.add_column(subject, justify="right")
    for name in answer.names():
        table.add_row(UNITS[name][0], *(_cell(answer, subject, name) for subject in subjects))
    return table


def _cell(answer: Answer, subject: str, name: str) -> str:
    values, form = answer.values(subject, name), UNITS[name][1]
    middle = answer.median(subject, name)
    if middle is None:
        return ""
    if len(values) == 1:
        return form.format(middle)
    return f"{form.format(middle)} ({form.format(min(values))}–{form.format(max(values))})"
