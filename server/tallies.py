"""What is counted on every call: in plain numbers, which are written to the metrics in one go.

With several worker processes a metric is a place in a mapped file, and writing one costs as much
as deciding about the call. The tallies are written once a second, and before each exposition.
"""

import asyncio
from bisect import bisect_left
from collections.abc import Callable
from operator import add

from prometheus_client import Counter, Histogram

WRITE_EVERY_S = 1.0

_writers: list[Callable[[], None]] = []
_durations: list["DurationTally"] = []


class Tally:
    """Counts for a child of a counter."""

    __slots__ = ("_child", "count")

    def __init__(self, child: Counter) -> None:
        self._child, self.count = child, 0
        _writers.append(self.write)

    def write(self) -> None:
        """Adds what was counted to the metric."""
        if self.count:
            self._child.inc(self.count)
            self.count = 0


class DurationTally:
    """Observes durations in seconds for a child of a histogram. `total` holds all that was written
    so far: counts by bucket, the last of them for what is above the highest bound, and the sum.
    """

    __slots__ = ("_bounds", "_child", "_counts", "_sum", "total")

    def __init__(self, child: Histogram) -> None:
        self._child, self._sum = child, 0.0
        self._bounds = child._upper_bounds
        self._counts = [0] * len(self._bounds)
        self.total = (tuple(self._counts), 0.0)
        _writers.append(self.write)
        _durations.append(self)

    @property
    def labels(self) -> tuple[str, ...]:
        """The values of the child's labels."""
        return tuple(self._child._labelvalues)

    def observe(self, seconds: float) -> None:
        """Counts one duration in its bucket."""
        self._counts[bisect_left(self._bounds, seconds)] += 1
        self._sum += seconds

    def write(self) -> None:
        """Adds what was observed to the metric; it has no public way to add many at once."""
        if not any(self._counts):
            return
        for bucket, count in zip(self._child._buckets, self._counts, strict=True):
            if count:
                bucket.inc(count)
        self._child._sum.inc(self._sum)
        counts, seconds = self.total
        self.total = (tuple(map(add, counts, self._counts)), seconds + self._sum)
        self._counts = [0] * len(self._bounds)
        self._sum = 0.0


def write_tallies() -> None:
    """Writes all tallies of this process."""
    for write in _writers:
        write()


def duration_totals(of: Histogram) -> dict[tuple[str, ...], tuple[tuple[int, ...], float]]:
    """By the labels of a histogram's children, what its durations in this process came to."""
    return {
        tally.labels: tally.total
        for tally in list(_durations)
        if of._metrics.get(tally.labels) is tally._child
    }


async def keep_writing() -> None:
    """Writes the tallies once a second, for ever."""
    while True:
        await asyncio.sleep(WRITE_EVERY_S)
        write_tallies()
