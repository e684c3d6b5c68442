"""The meters that every tariff prices, and the units that rates are given in."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple


class Unit(StrEnum):
    """What a rate is for."""

    PER_1K = "per_1k"
    PER_MINUTE = "per_minute"  # the meter counts milliseconds
    PER_CALL = "per_call"  # the meter counts ones


QUANTITY_PER_UNIT: Mapping[Unit, int] = MappingProxyType(
    {Unit.PER_1K: 1_000, Unit.PER_MINUTE: 60_000, Unit.PER_CALL: 1}
)


class Meter(NamedTuple):
    """A meter of the glossary: its name, its only unit, and its usual component."""

    name: str
    unit: Unit
    component: str


ANALYTICS_REPORTS = "analytics_reports"

GLOSSARY: Mapping[str, Meter] = MappingProxyType(
    {
        meter.name: meter
        for meter in (
            Meter("llm_input_tokens", Unit.PER_1K, "llm"),
            Meter("llm_cached_tokens", Unit.PER_1K, "llm"),
            Meter("llm_output_tokens", Unit.PER_1K, "llm"),
            Meter("stt_ms", Unit.PER_MINUTE, "stt"),
            Meter("tts_ms", Unit.PER_MINUTE, "tts"),
            Meter("telephony_ms", Unit.PER_MINUTE, "telephony"),
            Meter(ANALYTICS_REPORTS, Unit.PER_CALL, "analytics"),
        )
    }
)


def units_of(meter: str) -> tuple[Unit, ...]:
    """The units that fit a meter, the usual one first: time is per minute, nothing else is."""
    known = GLOSSARY.get(meter)
    if known is not None:
        return (known.unit,)
    if meter.endswith("_ms"):
        return (Unit.PER_MINUTE,)
    if meter.endswith("_tokens"):
        return (Unit.PER_1K, Unit.PER_CALL)
    return (Unit.PER_CALL, Unit.PER_1K)


def component_of(meter: str) -> str:
    """The component that a meter's cost belongs to when the tariff does not say."""
    known = GLOSSARY.get(meter)
    return meter if known is None else known.component
