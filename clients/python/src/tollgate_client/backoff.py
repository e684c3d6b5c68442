"""How long to wait before trying again: longer each time, and never all at once."""

import random
from collections.abc import Callable


class Backoff:
    """Pauses that double from `first_s` to `longest_s`, each shortened by up to half at random."""

    __slots__ = ("_chance", "_first_s", "_longest_s", "_next_s")

    def __init__(
        self, first_s: float, longest_s: float, chance: Callable[[], float] = random.random
    ) -> None:
        self._first_s, self._longest_s, self._chance = first_s, longest_s, chance
        self._next_s = first_s

    def pause_s(self, at_least_s: float = 0.0) -> float:
        """The next pause; no shorter than who was asked wishes."""
        pause_s = self._next_s * (1 - self._chance() / 2)
        self._next_s = min(2 * self._next_s, self._longest_s)
        return max(pause_s, at_least_s)

    def reset(self) -> None:
        """It went well: begins anew."""
        self._next_s = self._first_s
