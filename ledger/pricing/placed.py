"""Prices for usage whose quantities lie in the glossary's order, as gateways report it mostly.

They are compiled to one expression, a division a component, with the tariff's rounding built in: it
comes to what `rating.rate` comes to in a third of the time, and a test holds the two together.
"""

from collections.abc import Callable, Sequence

from ledger.pricing.meter import ANALYTICS_REPORTS, GLOSSARY
from ledger.pricing.rounding import Rounding, RoundingMode

POSITIONS = {meter: position for position, meter in enumerate(GLOSSARY)}
ANALYTICS = POSITIONS[ANALYTICS_REPORTS]

# Quantities, each 0 to 10^12, to what they cost in micros.
PlacedTotal = Callable[[Sequence[int]], int]

# By mode, for a component's numerator n and denominator d, its number of quanta; to even there is
# no such formula.
QUOTIENTS = {
    RoundingMode.HALF_UP: "(2 * ({n}) + {d}) // (2 * {d})",
    RoundingMode.UP: "({n} + {d} - 1) // {d}",
    RoundingMode.DOWN: "({n}) // {d}",
}


def compile_total(
    numerators: Sequence[Sequence[int]], denominators: Sequence[int], rounding: Rounding
) -> PlacedTotal | None:
    """What usage costs, from what one of each meter adds to each component's numerator.

    None when it is rounded to even.
    """
    quotient = QUOTIENTS.get(rounding.mode)
    if quotient is None:
        return None
    terms = [
        quotient.format(n=_sum(added), d=denominator)
        for added, denominator in zip(numerators, denominators, strict=True)
        if any(added)
    ]
    source = f"lambda q: {rounding.quantum_micros} * ({' + '.join(terms) or 0})"
    total: PlacedTotal = eval(source, {})  # there is nothing in it but the numbers given
    return total


def _sum(added: Sequence[int]) -> str:
    return " + ".join(f"{each:d} * q[{position}]" for position, each in enumerate(added) if each)
