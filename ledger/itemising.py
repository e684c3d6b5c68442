"""What each meter of a call comes to, exactly, out of components that were rounded once.

A component's amount is a fact of the ledger; its meters share it in proportion to their exact
cost, and what is left over from whole micros goes to the largest fractions.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ledger.pricing.meter import ANALYTICS_REPORTS
from ledger.pricing.prices import Line, ModelPrices


class MeterCost(NamedTuple):
    """One meter of a call: how much was used, and its share of its component, in micros."""

    meter: str
    quantity: int
    component: str
    amount_micros: int


def itemised(
    prices: ModelPrices, usage: Mapping[str, int], analytics: bool, cost: Mapping[str, int]
) -> Sequence[MeterCost]:
    """The meters that were used, by components; amounts add up to `cost` for each of them."""
    used = dict(usage)
    if analytics and not used.get(ANALYTICS_REPORTS):
        used[ANALYTICS_REPORTS] = 1
    weights: dict[int, dict[str, int]] = {}
    for meter, line in prices.lines.items():
        if used.get(meter):
            weights.setdefault(line.position, {})[meter] = _weight(line, used[meter])
    items = []
    for position, of_component in weights.items():
        component = prices.components[position]
        shares = _shared(cost.get(component, 0), of_component)
        items += [MeterCost(meter, used[meter], component, shares[meter]) for meter in shares]
    return items


def _weight(line: Line, quantity: int) -> int:
    billed = quantity if line.increment is None else line.increment.billed_ms(quantity)
    return line.numerator * billed


def _shared(amount: int, weights: Mapping[str, int]) -> dict[str, int]:
    """The amount in whole parts as near to the weights as can be."""
    if len(weights) == 1:
        return dict.fromkeys(weights, amount)
    total = sum(weights.values())
    if not total:
        return dict.fromkeys(weights, 0)
    parts = {meter: amount * weight // total for meter, weight in weights.items()}
    fractions = {meter: amount * weight % total for meter, weight in weights.items()}
    left = amount - sum(parts.values())
    for meter in sorted(fractions, key=fractions.__getitem__, reverse=True)[:left]:
        parts[meter] += 1
    return parts
