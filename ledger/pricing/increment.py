"""Billing time in steps: the first step, then further ones, each begun step in full."""

from typing import NamedTuple


class Increment(NamedTuple):
    """The first step and each further step, in milliseconds, at least 1."""

    initial_ms: int
    next_ms: int

    def billed_ms(self, elapsed_ms: int) -> int:
        """The time that is billed for `elapsed_ms`; nothing for no time at all."""
        if elapsed_ms <= 0:
            return 0
        beyond_ms = max(0, elapsed_ms - self.initial_ms)
        return self.initial_ms - (-beyond_ms // self.next_ms) * self.next_ms
