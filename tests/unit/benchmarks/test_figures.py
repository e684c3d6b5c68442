"""Medians, ratios and percentiles of what was measured."""

from benchmarks.figures import Answer, percentile

ROUNDS = [
    {"echo": {"requests_per_s": 100.0}, "service": {"requests_per_s": 60.0, "store_cpu_us": 9.0}},
    {"echo": {"requests_per_s": 300.0}, "service": {"requests_per_s": 10.0, "store_cpu_us": 7.0}},
    {"echo": {"requests_per_s": 200.0}, "service": {"requests_per_s": 80.0, "store_cpu_us": 8.0}},
]
ANSWER = Answer("question", ["a note"], ROUNDS)


def test_the_ratio_is_that_of_the_medians() -> None:
    assert ANSWER.ratio("requests_per_s") == 60 / 200


def test_a_figure_of_one_subject_has_no_ratio() -> None:
    assert ANSWER.ratio("store_cpu_us") is None
    assert ANSWER.median("service", "store_cpu_us") == 8
    assert ANSWER.median("echo", "store_cpu_us") is None


def test_what_is_written_holds_rounds_medians_and_ratios() -> None:
    written = ANSWER.written()
    assert written["ratios"] == {"requests_per_s": 0.3}
    assert written["medians"] == {
        "echo": {"requests_per_s": 200},
        "service": {"requests_per_s": 60, "store_cpu_us": 8},
    }
    assert written["rounds"] == ROUNDS


def test_percentiles_are_values_that_were_measured() -> None:
    values = [float(each) for each in range(1, 101)]
    assert [percentile(values, share) for share in (0.5, 0.99, 1.0)] == [50, 99, 100]
    assert percentile([7.0], 0.99) == 7
