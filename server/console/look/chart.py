"""Where the bars and lines of a chart go, in the units of its SVG; templates draw them."""

from collections.abc import Sequence
from typing import NamedTuple

MICROS = 1_000_000
MOST_TICKS = 5
MARGIN_TOP, MARGIN_BOTTOM, MARGIN_RIGHT = 14, 26, 6


class Bar(NamedTuple):
    """One value: its column from x on, and the bar in it."""

    x: float
    width: float
    y: float
    height: float
    value: int


class Tick(NamedTuple):
    """One line of the scale."""

    y: float
    value: int


class Chart(NamedTuple):
    """Bars over a scale that holds the highest of them, and a limit if there is one."""

    width: int
    height: int
    left: int
    right: int
    floor: float
    bars: Sequence[Bar]
    ticks: Sequence[Tick]
    limit_y: float | None
    every: int  # label each so-manieth bar
    whole: bool  # whether the scale goes by whole units


def bar_chart(
    values: Sequence[int], limit: int | None, *, width: int, height: int, left: int, every: int
) -> Chart:
    """A chart of values from zero up. A limit far above all values is left out of sight."""
    highest = max([*values, 1])
    in_sight = limit is not None and limit <= 4 * highest
    top_value = max(highest, limit or 0) if in_sight else highest
    step = _step(top_value)
    scale = -(-top_value // step) * step
    floor, span = height - MARGIN_BOTTOM, height - MARGIN_BOTTOM - MARGIN_TOP

    def y_of(value: int) -> float:
        return round(floor - span * value / scale, 1)

    column = (width - left - MARGIN_RIGHT) / max(1, len(values))
    bar = min(column * 0.68, 28)
    bars = [
        Bar(
            round(left + column * index + (column - bar) / 2, 1),
            round(bar, 1),
            y_of(value),
            round(floor - y_of(value), 1),
            value,
        )
        for index, value in enumerate(values)
    ]
    return Chart(
        width,
        height,
        left,
        width - MARGIN_RIGHT,
        floor,
        bars,
        [Tick(y_of(value), value) for value in range(0, scale + 1, step)],
        y_of(limit) if in_sight and limit is not None else None,
        every,
        step % MICROS == 0,
    )


def _step(highest: int) -> int:
    """A round step of which at most MOST_TICKS reach the highest value."""
    power = 1
    while True:
        for digit in (1, 2, 5):
            if digit * power * MOST_TICKS >= highest:
                return digit * power
        power *= 10
