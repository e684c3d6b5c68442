"""Who is to be looked at when: one schedule for all calls, and one timer."""

import heapq
import itertools
import math
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Agenda(Generic[Item]):
    """Items by their next moment. An item may come up early, never late."""

    def __init__(self) -> None:
        self._moments: dict[Item, float] = {}
        self._heap: list[tuple[float, int, Item]] = []
        self._numbers = itertools.count()

    def __len__(self) -> int:
        return len(self._heap)

    def put(self, item: Item, moment: float) -> None:
        """Has the item come up by `moment`; what was noted for later may stay noted."""
        noted = self._moments.get(item, math.inf)
        if moment < noted:
            self._moments[item] = moment
            heapq.heappush(self._heap, (moment, next(self._numbers), item))

    def drop(self, item: Item) -> None:
        """The item comes up no more."""
        self._moments.pop(item, None)

    @property
    def next(self) -> float:
        """The moment when something may come up; infinite when nothing will."""
        return self._heap[0][0] if self._heap else math.inf

    def due(self, now: float) -> list[Item]:
        """Takes off what has come up by now."""
        found = []
        while self._heap and self._heap[0][0] <= now:
            moment, _, item = heapq.heappop(self._heap)
            if self._moments.get(item) == moment:
                del self._moments[item]
                found.append(item)
        return found
