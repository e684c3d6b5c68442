"""Medians, ratios, percentiles and slopes of what was measured."""

import pytest

from benchmarks.figures import Answer, Finding, middle, percentile, slope

ROUNDS = [
    {"echo": {"requests_per_s": 100.0}, "service": {"requests_per_s": 60.0, "store_cpu_us": 9.0}},
    {"echo": {"requests_per_s": 300.0}, "service": {"requests_per_s": 10.0, "store_cpu_us": 7.0}},
    {"echo": {"requests_per_s": 200.0}, "service": {"requests_per_s": 80.0, "store_cpu_us": 8.0}},
]
ANSWER = Answer("question", ["a note"], ROUNDS, series={"curve": [(0.5, 1.23456)]})


def finding(aim: float | None, at_most: bool = False) -> Finding:
    return Finding("key", "what", 60.0, 100.0, "charges/s", "echo", aim, at_most)


def test_the_median_is_over_the_rounds_that_have_the_figure() -> None:
    assert ANSWER.median("service", "store_cpu_us") == 8
    assert ANSWER.median("echo", "store_cpu_us") is None
    assert middle(ROUNDS, "echo", "requests_per_s") == 200


def test_a_figure_that_was_not_measured_is_not_made_up() -> None:
    with pytest.raises(KeyError, match="echo: store_cpu_us"):
        middle(ROUNDS, "echo", "store_cpu_us")


@pytest.mark.parametrize(
    ("aim", "at_most", "reached"),
    [(0.6, False, True), (0.7, False, False), (0.6, True, True), (0.5, True, False)],
)
def test_an_aim_is_a_bound_from_below_or_from_above(
    aim: float, at_most: bool, reached: bool
) -> None:
    assert finding(aim, at_most).ratio == 0.6
    assert finding(aim, at_most).reached is reached


def test_a_ratio_over_rounds_is_the_median_of_theirs() -> None:
    found = Finding.over(
        ROUNDS, ("service", "echo"), "requests_per_s", "key", "what", unit="", beside=""
    )
    assert (found.measured, found.ceiling) == (60, 200)
    assert found.ratios == pytest.approx((0.6, 10 / 300, 0.4))
    assert found.ratio == 0.4


def test_a_ratio_over_rounds_that_never_had_both_is_not_made_up() -> None:
    with pytest.raises(KeyError, match="store_cpu_us"):
        Finding.over(ROUNDS, ("service", "echo"), "store_cpu_us", "key", "what", unit="", beside="")


def test_without_an_aim_nothing_is_reached_or_missed() -> None:
    assert finding(None).reached is None


def test_what_is_written_holds_rounds_medians_and_series() -> None:
    written = ANSWER.written()
    assert written["medians"] == {
        "echo": {"requests_per_s": 200},
        "service": {"requests_per_s": 60, "store_cpu_us": 8},
    }
    assert written["rounds"] == ROUNDS
    assert written["series"] == {"curve": [[0.5, 1.2346]]}


def test_percentiles_are_values_that_were_measured() -> None:
    values = [float(each) for each in range(1, 101)]
    assert [percentile(values, share) for share in (0.5, 0.99, 1.0)] == [50, 99, 100]
    assert percentile([7.0], 0.99) == 7


def test_the_slope_is_that_of_the_best_line() -> None:
    assert slope([(0, 1.0), (1, 3.0), (2, 5.0)]) == 2
    assert slope([(0, 0.0), (1, 0.0), (1, 2.0), (2, 2.0)]) == 1
    assert slope([(1, 5.0), (1, 6.0)]) == 0
    assert slope([]) == 0
