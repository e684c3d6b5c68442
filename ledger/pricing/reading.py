"""Reads the prices of a tariff document and checks that nothing is priced by omission."""

from collections.abc import Sequence
from decimal import Decimal

from ledger.pricing.increment import Increment
from ledger.pricing.meter import GLOSSARY, Unit, component_of, units_of
from ledger.pricing.prices import MeterPrice, ModelPrices
from ledger.pricing.rounding import Rounding, RoundingMode
from ledger.pricing.section import Section

MAX_MODELS = 100
MAX_METERS = 32
MAX_RATE = 1_000
MAX_EXPECTED_PER_MINUTE = 10**9
MAX_INCREMENT_MS = 86_400_000
MAX_QUANTUM_MICROS = 10**6
MAX_BURN_MICROS_PER_SECOND = 10**12 // 3_600

NAME_PATTERN = r"[a-z][a-z0-9_]{0,31}"
MODEL_PATTERN = r"[A-Za-z0-9_.@:+-]{1,64}"
RATE_PATTERN = r"[0-9]{1,4}(\.[0-9]{1,12})?"


def read_rounding(section: Section | None) -> Rounding:
    """The rounding; half-up to one micro when the document does not say."""
    if section is None:
        return Rounding(RoundingMode.HALF_UP, 1)
    rounding = Rounding(
        section.choice("mode", RoundingMode, RoundingMode.HALF_UP),
        section.integer("quantum_micros", 1, MAX_QUANTUM_MICROS, default=1),
    )
    section.end()
    return rounding


def read_models(document: Section, rounding: Rounding) -> dict[str, ModelPrices]:
    """All models by name."""
    models: dict[str, ModelPrices] = {}
    for section in document.sections("models", MAX_MODELS):
        model = section.text("model", MODEL_PATTERN)
        if model and model in models:
            section.problem("model", "appears twice")
        meters = _read_meters(section)
        section.end()
        models[model] = ModelPrices.compile(model, meters, rounding)
        _check_expectation(section, models[model])
    return models


def _read_meters(model: Section) -> list[MeterPrice]:
    prices: dict[str, MeterPrice] = {}
    for section in model.sections("meters", MAX_METERS):
        price = _read_price(section)
        if price.meter and price.meter in prices:
            section.problem("meter", "appears twice")
        prices[price.meter] = price
    for meter in GLOSSARY:
        if meter not in prices:
            model.problem("meters", f"{meter} has no price; write 0 where it is free")
    return list(prices.values())


def _read_price(section: Section) -> MeterPrice:
    meter = section.text("meter", NAME_PATTERN)
    unit = _read_unit(section, meter)
    price = MeterPrice(
        meter=meter,
        rate=_read_rate(section),
        unit=unit,
        component=section.text("component", NAME_PATTERN, default=component_of(meter) or "unnamed"),
        increment=_read_increment(section, unit),
        expected_per_minute=_read_expected(section, unit),
    )
    section.end()
    return price


def _read_unit(section: Section, meter: str) -> Unit:
    fitting = units_of(meter)
    unit = section.choice("unit", Unit, fitting[0])
    if unit not in fitting:
        section.problem("unit", f"must be {' or '.join(fitting)} for this meter")
    return unit


def _read_rate(section: Section) -> Decimal:
    rate = Decimal(section.text("rate", RATE_PATTERN) or 0)
    if rate > MAX_RATE:
        section.problem("rate", f"must be at most {MAX_RATE}")
        return Decimal(0)
    return rate


def _read_increment(section: Section, unit: Unit) -> Increment | None:
    steps = section.section("increment")
    if steps is None:
        return None
    increment = Increment(
        steps.integer("initial_ms", 1, MAX_INCREMENT_MS),
        steps.integer("next_ms", 1, MAX_INCREMENT_MS),
    )
    steps.end()
    if unit is not Unit.PER_MINUTE:
        section.problem("increment", "is only for meters in milliseconds")
        return None
    return increment


def _read_expected(section: Section, unit: Unit) -> int:
    if unit is not Unit.PER_CALL:
        return section.integer("expected_per_minute", 0, MAX_EXPECTED_PER_MINUTE)
    if section.integer("expected_per_minute", 0, MAX_EXPECTED_PER_MINUTE, default=0):
        section.problem("expected_per_minute", "is not for meters priced per call")
    return 0


def _check_expectation(section: Section, prices: ModelPrices) -> None:
    # Without an expected cost nothing would be reserved, and the call would start without money.
    if prices.burn_micros_per_second == 0 and _has_rate(prices.meters):
        section.problem("meters", "the model has a price, but its expected cost per minute is 0")
    if prices.burn_micros_per_second > MAX_BURN_MICROS_PER_SECOND:
        section.problem("meters", "the expected cost of an hour is above 10^12 micros")


def _has_rate(meters: Sequence[MeterPrice]) -> bool:
    return any(price.rate > 0 for price in meters)
