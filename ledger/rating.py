"""Rating: prices × usage → money, exactly, with one rounding per component at the end.

It never falls when a quantity rises: products, billing steps and all roundings are monotone.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ledger.errors import CostOutOfRange, QuantityOutOfRange, UnknownMeter
from ledger.pricing.meter import ANALYTICS_REPORTS
from ledger.pricing.placed import ANALYTICS
from ledger.pricing.prices import ModelPrices

MAX_QUANTITY = 10**12
MAX_COST_MICROS = 10**12


class Rated(NamedTuple):
    """What usage costs, in micros. Components that cost nothing are left out."""

    total_micros: int
    components: tuple[tuple[str, int], ...]


class Expectation(NamedTuple):
    """What a call is expected to cost.

    `cost_micros` is for the asked time with fees, `fee_micros` the part that does not depend on
    time. All are 0 exactly when the model can cost nothing.
    """

    cost_micros: int
    fee_micros: int
    burn_micros_per_second: int


def rate(prices: ModelPrices, usage: Mapping[str, int], analytics: bool) -> Rated:
    """Prices cumulative `usage`; with `analytics` at least one analytics report.

    Raises UnknownMeter, QuantityOutOfRange, CostOutOfRange.
    """
    return _rounded(prices, _sums(prices, usage, analytics))


def rate_total(prices: ModelPrices, usage: Mapping[str, int], analytics: bool) -> int:
    """The total that `rate` comes to, without its components; raises the same."""
    divide, quantum, total = prices.divide, prices.quantum_micros, 0
    sums = _sums(prices, usage, analytics)
    for numerator, denominator in zip(sums, prices.denominators, strict=True):
        if numerator:
            total += divide(numerator, denominator) * quantum
    if total > MAX_COST_MICROS:
        raise _too_dear()
    return total


def rate_placed(prices: ModelPrices, placed: Sequence[int], analytics: bool) -> int | None:
    """The total of quantities that lie in the glossary's order; None when only `rate` can tell."""
    if prices.placed_total is None or min(placed) < 0 or sum(placed) > MAX_QUANTITY:
        return None
    if analytics and not placed[ANALYTICS]:
        placed = (*placed[:ANALYTICS], 1)
    total = prices.placed_total(placed)
    return total if total <= MAX_COST_MICROS else None


def _sums(prices: ModelPrices, usage: Mapping[str, int], analytics: bool) -> list[int]:
    sums = [0] * len(prices.components)
    lines = prices.lines
    for meter, quantity in usage.items():
        line = lines.get(meter)
        if line is None:
            raise UnknownMeter(meter)
        if quantity.__class__ is not int or not 0 <= quantity <= MAX_QUANTITY:
            raise QuantityOutOfRange(meter)
        position, numerator, increment = line
        if increment is not None:
            quantity = increment.billed_ms(quantity)
        sums[position] += numerator * quantity
    if analytics and not usage.get(ANALYTICS_REPORTS):
        line = lines[ANALYTICS_REPORTS]
        sums[line.position] += line.numerator
    return sums


def _rounded(prices: ModelPrices, sums: list[int]) -> Rated:
    divide, quantum = prices.divide, prices.quantum_micros
    total = 0
    components = []
    for name, numerator, denominator in zip(
        prices.components, sums, prices.denominators, strict=True
    ):
        if numerator:
            micros = divide(numerator, denominator) * quantum
            if micros:
                total += micros
                components.append((name, micros))
    if total > MAX_COST_MICROS:
        raise _too_dear()
    return Rated(total, tuple(components))


def _too_dear() -> CostOutOfRange:
    return CostOutOfRange(f"the call would cost more than {MAX_COST_MICROS} micros")


def expected_usage(prices: ModelPrices, elapsed_ms: int) -> dict[str, int]:
    """What a call of some length is expected to use, each quantity rounded up."""
    return {
        price.meter: -(-price.expected_per_minute * elapsed_ms // 60_000)
        for price in prices.meters
        if price.expected_per_minute
    }


def expectation(prices: ModelPrices, seconds: int, analytics: bool) -> Expectation:
    """What `seconds` of a call are expected to cost. Raises CostOutOfRange.

    The cost of any time is at least one second's burn, even where rounding makes a short call
    free: a call that can cost something must not start without money.
    """
    expected = expected_usage(prices, seconds * 1000)
    fee = rate(prices, {}, analytics).total_micros
    burn = prices.burn_micros_per_second
    cost = rate(prices, expected, analytics).total_micros
    return Expectation(max(cost, fee + burn if seconds > 0 else fee), fee, burn)
