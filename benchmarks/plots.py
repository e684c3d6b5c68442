"""The figures as pictures: what was measured as bars or curves, ceilings and aims as lines."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import matplotlib

from benchmarks.figures import Answer, Finding
from benchmarks.report import Report

matplotlib.use("Agg")
from matplotlib import pyplot

BLUE, ORANGE, GREEN, GREY, RED = "#2b6cb0", "#dd8a1e", "#3a8f4d", "#8a8f98", "#c0392b"
COLOURS = (BLUE, ORANGE, GREEN, RED, "#7d5ba6", GREY)
SIZE, DPI = (9.0, 5.0), 130
NINES = (0.5, 0.9, 0.99, 0.999, 0.9999)


def draw(report: Report, directory: Path) -> list[Path]:
    """Draw what the report has the figures for; returns the files."""
    directory.mkdir(parents=True, exist_ok=True)
    pictures: dict[str, Callable[[Report, Any], bool]] = {
        "ratios": _ratios,
        "stream": _stream,
        "latency-unary": lambda report, axes: _latency(report, axes, "unary"),
        "latency-stream": lambda report, axes: _latency(report, axes, "stream"),
        "soak": _soak,
    }
    paths = []
    for name, picture in pictures.items():
        figure, axes = pyplot.subplots(figsize=SIZE, layout="constrained")
        if picture(report, axes):
            _sign(figure, report)
            path = directory / f"{name}.png"
            figure.savefig(path, dpi=DPI)
            paths.append(path)
        pyplot.close(figure)
    return paths


def _sign(figure: Any, report: Report) -> None:
    """Where and when, small, so that a picture that is passed on still tells."""
    facts = report.machine
    text = (
        f"{report.taken_at:%Y-%m-%d %H:%M} UTC · commit {report.commit} · {report.plan} run · "
        f"{facts.get('cores')} cores, {facts.get('cpu')}"
    )
    figure.supxlabel(text, fontsize=7, color=GREY, x=0.99, ha="right")


def _plain(axes: Any, grid: str) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis=grid, color="#e3e6ea", linewidth=0.8)
    axes.set_axisbelow(True)


def _ratios(report: Report, axes: Any) -> bool:
    findings = [each for each in report.findings if each.aim is not None]
    if not findings:
        return False
    axes.figure.set_size_inches(SIZE[0], 1.4 + 0.36 * len(findings))
    places = range(len(findings), 0, -1)
    column = axes.get_yaxis_transform()
    axes.set_ylim(0.3, len(findings) + 0.7)
    axes.barh(places, [each.ratio for each in findings], height=0.62, color=_verdicts(findings))
    for place, each in zip(places, findings, strict=True):
        axes.plot([each.aim] * 2, [place - 0.42, place + 0.42], color="black", linewidth=1.8)
        # In a column of their own, where no bar or mark runs through them.
        axes.text(1.01, place, f"{each.ratio:.2f}", transform=column, va="center", fontsize=9)
    labels = [f"{each.what}  ({'≤' if each.at_most else '≥'})" for each in findings]
    axes.set_yticks(list(places), labels, fontsize=8)
    axes.axvline(1.0, color=GREY, linestyle="--", linewidth=1)
    axes.set_xlabel("ratio to the ceiling (dashed) · black mark: aim · green: reached, red: missed")
    axes.set_xlim(left=0, right=1.12 * max(max(each.ratio, each.aim or 0) for each in findings))
    axes.set_title("Measured beside its ceiling")
    _plain(axes, "x")
    return True


def _verdicts(findings: Sequence[Finding]) -> list[str]:
    return [GREEN if each.reached else RED for each in findings]


def _stream(report: Report, axes: Any) -> bool:
    answers = [each for each in report.answers if each.question.startswith("stream, ")]
    if len(answers) < 2:
        return False
    sizes = [int(each.question.split()[1]) for each in answers]
    styles = {
        "echo": ("stream echo, same bytes", ORANGE, "--"),
        "packed script": ("packed script, driven directly", GREEN, "--"),
        "service": ("Tollgate", BLUE, "-"),
    }
    for subject, (label, colour, line) in styles.items():
        rates = [each.median(subject, "charges_per_s") for each in answers]
        axes.plot(sizes, rates, line, color=colour, label=label, marker="o", markersize=4)
    rates = [each.median("service", "charges_per_s") or 0.0 for each in answers]
    for size, rate in zip(sizes, rates, strict=True):
        axes.annotate(
            f"{rate:,.0f}",
            (size, rate),
            xytext=(0, -13),
            textcoords="offset points",
            ha="center",
            fontsize=8,
            color=BLUE,
        )
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xticks(sizes, [str(size) for size in sizes])
    axes.minorticks_off()
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.set_xlabel("charges in one message")
    axes.set_ylabel("charges per second")
    axes.set_title("Charges over Session streams: client, server and store share the cores")
    axes.legend(frameon=False)
    _plain(axes, "both")
    return True


def _latency(report: Report, axes: Any, kind: str) -> bool:
    found = [
        each
        for each in report.answers
        if each.question.startswith("latency") and (kind in each.question)
    ]
    if not found:
        return False
    _latency_curves(found[0], axes)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xticks([1 / (1 - share) for share in NINES], [f"{share:.4g}" for share in NINES])
    axes.minorticks_off()
    axes.set_xlim(left=1)
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.set_xlabel("share of the requests")
    axes.set_ylabel("milliseconds from when the request was due")
    axes.set_title(f"{found[0].question[0].upper()}{found[0].question[1:]}")
    axes.legend(frameon=False, fontsize=8, ncols=2)
    _plain(axes, "both")
    return True


def _latency_curves(answer: Answer, axes: Any) -> None:
    loads = list(dict.fromkeys(name.partition(" at ")[2] for name in answer.series))
    for name, points in answer.series.items():
        subject, _, load = name.partition(" at ")
        axes.plot(
            [1 / (1 - share) for share, _ in points],
            [ms for _, ms in points],
            "-" if subject == "service" else ":",
            color=COLOURS[loads.index(load)],
            label=f"{'Tollgate' if subject == 'service' else 'echo'}, {load} of saturation",
        )


def _soak(report: Report, axes: Any) -> bool:
    found = [each for each in report.answers if each.question == "soak"]
    if not found:
        return False
    for colour, (name, points) in zip(COLOURS, found[0].series.items(), strict=False):
        label = name.partition(",")[0].replace("worker", "server")
        axes.plot([s / 60 for s, _ in points], [mb for _, mb in points], color=colour, label=label)
    axes.set_ylim(bottom=0)
    axes.set_xlim(left=0)
    axes.set_xlabel("minutes")
    axes.set_ylabel("resident memory, MiB")
    axes.set_title("Soak: memory while streams are cut at random")
    axes.legend(frameon=False)
    _plain(axes, "both")
    return True
