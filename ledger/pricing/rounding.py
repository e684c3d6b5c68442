"""How an exact cost becomes a multiple of the quantum."""

from collections.abc import Callable, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple


class RoundingMode(StrEnum):
    """The direction of rounding; costs are never negative."""

    HALF_UP = "half_up"
    HALF_EVEN = "half_even"
    UP = "up"
    DOWN = "down"


class Rounding(NamedTuple):
    """A direction, and the step in micros (1 to 10**6)."""

    mode: RoundingMode
    quantum_micros: int


Divide = Callable[[int, int], int]


def _half_up(numerator: int, denominator: int) -> int:
    return (2 * numerator + denominator) // (2 * denominator)


def _half_even(numerator: int, denominator: int) -> int:
    whole, rest = divmod(numerator, denominator)
    above_half = 2 * rest - denominator
    return whole + (above_half > 0 or (above_half == 0 and whole % 2 == 1))


def _up(numerator: int, denominator: int) -> int:
    return -(-numerator // denominator)


def _down(numerator: int, denominator: int) -> int:
    return numerator // denominator


DIVIDE: Mapping[RoundingMode, Divide] = MappingProxyType(
    {
        RoundingMode.HALF_UP: _half_up,
        RoundingMode.HALF_EVEN: _half_even,
        RoundingMode.UP: _up,
        RoundingMode.DOWN: _down,
    }
)
