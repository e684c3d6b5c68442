"""The headline of a run, and when to doubt it."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from benchmarks.figures import Answer
from benchmarks.report import Report


def report(busy: float) -> Report:
    figures = {"requests_per_s": 3.0, "worker_busy": busy}
    echo = {"requests_per_s": 4.0, "worker_busy": 1.0}
    answer = Answer("asked", [], [{"echo": echo, "service": figures}])
    taken_at = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    return Report(taken_at, "quick", "abc", {"cores": 2}, [answer], "asked")


def test_the_file_is_named_by_time_and_commit_and_starts_with_the_ratio(tmp_path: Path) -> None:
    path = report(0.95).write(tmp_path)
    assert path.name == "20260102T030405Z-abc.json"
    headline = json.loads(path.read_text())["headline"]
    assert headline["ratio"] == 0.75
    assert headline["warning"] == ""


@pytest.mark.parametrize(("busy", "doubtful"), [(0.95, False), (0.5, True)])
def test_a_server_that_was_not_saturated_is_told(busy: float, doubtful: bool) -> None:
    assert bool(report(busy).warning) is doubtful


def test_without_its_question_there_is_no_headline() -> None:
    without = Report(datetime.now(UTC), "quick", "abc", {}, [], "asked")
    assert without.ratio is None
    assert without.warning == ""
