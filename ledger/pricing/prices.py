"""The prices of one model, compiled once to integers so that rating a call is a few products."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from math import gcd
from typing import NamedTuple

from ledger.pricing.increment import Increment
from ledger.pricing.meter import QUANTITY_PER_UNIT, Unit
from ledger.pricing.placed import POSITIONS, PlacedTotal, compile_total
from ledger.pricing.rounding import DIVIDE, Divide, Rounding

RATE_DECIMALS = 12

# Every rate is a whole number of micros / SCALE per single token, millisecond or report:
# 12 decimals of a currency unit are 6 decimals of a micro, and 60,000 divides by every unit.
SCALE: int = 10 ** (RATE_DECIMALS - 6) * 60_000


@dataclass(frozen=True, slots=True)
class MeterPrice:
    """The price of one meter. `rate` is exact, in currency units per `unit`.

    `expected_per_minute` is the quantity that a minute of a call is expected to use, and is 0
    for meters that are priced per call.
    """

    meter: str
    rate: Decimal
    unit: Unit
    component: str
    increment: Increment | None
    expected_per_minute: int

    @property
    def scaled_rate(self) -> int:
        """Micros per single quantity, times SCALE."""
        return int(self.rate.scaleb(RATE_DECIMALS)) * (60_000 // QUANTITY_PER_UNIT[self.unit])


class Line(NamedTuple):
    """What one meter adds: `numerator` per billed quantity, to the component at `position`."""

    position: int
    numerator: int
    increment: Increment | None


@dataclass(frozen=True, slots=True)
class ModelPrices:
    """The prices of one model, with the tariff's rounding, ready for `rate`.

    `components` are named in the order of their first meter; `denominators` belong to them and
    contain the quantum, so a quotient counts quanta. `placed_total` is a shorter way for
    usage in the glossary's order, and None with billing increments or rounding to even.
    """

    model: str
    meters: tuple[MeterPrice, ...]
    components: tuple[str, ...]
    denominators: tuple[int, ...]
    lines: Mapping[str, Line]
    divide: Divide
    quantum_micros: int
    burn_micros_per_second: int
    placed_total: PlacedTotal | None = field(compare=False, repr=False)

    @classmethod
    def compile(cls, model: str, meters: Sequence[MeterPrice], rounding: Rounding) -> "ModelPrices":
        """Prepares checked prices."""
        components = tuple(dict.fromkeys(price.component for price in meters))
        factors = tuple(_common_factor(meters, component) for component in components)
        lines: dict[str, Line] = {}
        for price in meters:
            position = components.index(price.component)
            numerator = price.scaled_rate // factors[position]
            lines[price.meter] = Line(position, numerator, price.increment)
        denominators = tuple(SCALE * rounding.quantum_micros // factor for factor in factors)
        return cls(
            model=model,
            meters=tuple(meters),
            components=components,
            denominators=denominators,
            lines=lines,
            divide=DIVIDE[rounding.mode],
            quantum_micros=rounding.quantum_micros,
            burn_micros_per_second=_burn(meters),
            placed_total=_placed_total(lines, denominators, rounding),
        )


def _common_factor(meters: Sequence[MeterPrice], component: str) -> int:
    rates = (price.scaled_rate for price in meters if price.component == component)
    return gcd(SCALE, *rates)


def _burn(meters: Sequence[MeterPrice]) -> int:
    per_minute: int = sum(price.scaled_rate * price.expected_per_minute for price in meters)
    return -(-per_minute // (SCALE * 60))


def _placed_total(
    lines: Mapping[str, Line], denominators: Sequence[int], rounding: Rounding
) -> PlacedTotal | None:
    numerators = [[0] * len(POSITIONS) for _ in denominators]
    for meter, position in POSITIONS.items():
        line = lines.get(meter)  # none in a document that is about to be refused
        if line is None or line.increment is not None:
            return None
        numerators[line.position][position] = line.numerator
    return compile_total(numerators, denominators, rounding)
