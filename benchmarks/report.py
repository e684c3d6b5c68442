"""What a run found: a table with the ratios first, and the same figures as JSON."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.figures import ECHO, SERVICE, Answer

RESULTS = Path(__file__).parent / "results"
AIM = 0.6
# Below this share of a core a saturated server was held up by something else.
BUSY = 0.9
HEADLINE = "Charge throughput per process, service / echo"

UNITS = {
    "requests_per_s": ("requests/s", "{:,.0f}"),
    "charges_per_s": ("charges/s", "{:,.0f}"),
    "worker_cpu_us": ("server CPU, µs each", "{:,.0f}"),
    "store_cpu_us": ("store CPU, µs each", "{:,.1f}"),
    "worker_busy": ("server busy", "{:.0%}"),
    "store_busy": ("store busy", "{:.0%}"),
    "driver_cpu_us": ("driver CPU, µs each", "{:,.0f}"),
    "batch_size": ("charges in one batch", "{:.1f}"),
    "p50_ms": ("p50, ms", "{:,.1f}"),
    "p99_ms": ("p99, ms", "{:,.1f}"),
    "batch_ms": ("one batch, ms", "{:,.2f}"),
}


@dataclass(frozen=True)
class Report:
    """One run. `headline` names the question whose throughput ratio counts."""

    taken_at: datetime
    plan: str
    commit: str
    machine: Mapping[str, object]
    answers: Sequence[Answer]
    headline: str

    @property
    def name(self) -> str:
        """The name of the file, without its ending."""
        return f"{self.taken_at.astimezone(UTC):%Y%m%dT%H%M%SZ}-{self.commit}"

    @property
    def ratio(self) -> float | None:
        """The headline's ratio; None when its question was not asked."""
        asked = [each for each in self.answers if each.question == self.headline]
        return asked[0].ratio("requests_per_s") if asked else None

    @property
    def warning(self) -> str:
        """What to doubt, when the machine had other work; else empty."""
        asked = [each for each in self.answers if each.question == self.headline]
        busy = [asked[0].median(each, "worker_busy") for each in (SERVICE, ECHO)] if asked else []
        if all(share is None or share >= BUSY for share in busy):
            return ""
        return (
            "the machine had other work: a server that should be saturated got less than "
            f"{BUSY:.0%} of a core; the ratio of the processor times is the better guide"
        )

    def write(self, directory: Path = RESULTS) -> Path:
        """Write the JSON; returns where."""
        directory.mkdir(parents=True, exist_ok=True)
        path = directory / f"{self.name}.json"
        written = {
            "taken_at": self.taken_at.astimezone(UTC).isoformat(timespec="seconds"),
            "commit": self.commit,
            "plan": self.plan,
            "headline": {
                "what": HEADLINE,
                "question": self.headline,
                "ratio": None if self.ratio is None else round(self.ratio, 4),
                "aim": AIM,
                "warning": self.warning,
            },
            "machine": dict(self.machine),
            "questions": {each.question: each.written() for each in self.answers},
        }
        path.write_text(json.dumps(written, indent=1, ensure_ascii=False) + "\n")
        return path

    def show(self, console: Console) -> None:
        """Print the headline, the table, and what must be known to read it."""
        if self.ratio is not None:
            verdict = "reached" if self.ratio >= AIM else "missed"
            console.print(f"\n[bold]{HEADLINE}: {self.ratio:.2f}[/] (aim {AIM}, {verdict})")
        if self.warning:
            console.print(self.warning, style="yellow")
        compared = [each for each in self.answers if SERVICE in each.subjects()]
        console.print(_compared(compared))
        for answer in self.answers:
            if answer not in compared:
                console.print(_listed(answer))
        for note in dict.fromkeys(note for answer in self.answers for note in answer.notes):
            console.print(f"- {note}", style="dim", highlight=False)


def _compared(answers: Sequence[Answer]) -> Table:
    table = Table("ratio", "figure", title="medians over the rounds (least–most)")
    for column in ("service", "echo"):
        table.add_column(column, justify="right")
    for answer in answers:
        table.add_section()
        table.add_row("", f"[bold]{answer.question}[/]")
        for name in answer.names():
            ratio = answer.ratio(name)
            table.add_row(
                "" if ratio is None else f"{ratio:.2f}",
                UNITS[name][0],
                _cell(answer, SERVICE, name),
                _cell(answer, ECHO, name),
            )
    return table


def _listed(answer: Answer) -> Table:
    names = answer.names()
    table = Table("", title=answer.question)
    for name in names:
        table.add_column(UNITS[name][0], justify="right")
    for subject in answer.subjects():
        table.add_row(subject, *(_cell(answer, subject, name) for name in names))
    return table


def _cell(answer: Answer, subject: str, name: str) -> str:
    values, form = answer.values(subject, name), UNITS[name][1]
    middle = answer.median(subject, name)
    if middle is None:
        return ""
    if len(values) == 1:
        return form.format(middle)
    return f"{form.format(middle)} ({form.format(min(values))}–{form.format(max(values))})"
