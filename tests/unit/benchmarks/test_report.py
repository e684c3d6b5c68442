"""What is written down, and what is chosen to be asked."""

import argparse
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from benchmarks.command import QUESTIONS, chosen
from benchmarks.figures import Answer, Finding
from benchmarks.report import UNITS, Report, aim_of, quantity

FINDING = Finding("stream_100", "stream", 48.0, 64.0, "charges/s", "echo", 0.6)
ROUNDS = [{"service": {"charges_per_s": 48.0}}]
REPORT = Report(
    datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
    "quick",
    "abc",
    {"cores": 2},
    171.04,
    [Answer("asked", ["a note"], ROUNDS, [FINDING])],
    {"soak": "ChildFailed: it broke"},
)


def test_the_file_holds_findings_failures_and_the_machine(tmp_path: Path) -> None:
    written = json.loads(REPORT.write(tmp_path / "stamp").read_text())
    assert (tmp_path / "stamp" / "results.json").exists()
    assert written["findings"][0]["ratio"] == 0.75
    assert written["findings"][0]["reached"] is True
    assert written["failures"] == {"soak": "ChildFailed: it broke"}
    assert written["machine"] == {"cores": 2}
    assert written["seconds"] == 171.0
    assert written["taken_at"] == "2026-01-02T03:04:05+00:00"


def test_questions_are_asked_in_our_order() -> None:
    assert chosen("stream, unary") == ["unary", "stream"]


@pytest.mark.parametrize("names", ["", "stream,steam", "all"])
def test_a_question_that_does_not_exist_is_named(names: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="there are unary"):
        chosen(names)


def test_aims_tell_their_side() -> None:
    assert aim_of(FINDING) == "≥ 0.6"
    most = Finding("growth", "", 1.0, 1.0, "", "", 1.6, at_most=True)
    assert aim_of(most) == "≤ 1.6"


def test_figures_have_as_many_digits_as_tell_something() -> None:
    assert [quantity(each) for each in (61_234.5, 99.94, 0.12345)] == ["61,234", "99.9", "0.123"]


def test_every_figure_has_a_unit_and_every_question_a_name() -> None:
    assert all(label and form.format(1.0) for label, form in UNITS.values())
    assert "soak" in QUESTIONS
