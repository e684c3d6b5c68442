"""Tariff documents for tests: one that is right, to be spoiled field by field."""

from typing import Any

from ledger.pricing.meter import GLOSSARY, Unit


def meter_document(meter: str, rate: str, **fields: Any) -> dict[str, Any]:
    document: dict[str, Any] = {"meter": meter, "rate": rate}
    if GLOSSARY[meter].unit is not Unit.PER_CALL:
        document["expected_per_minute"] = 1_000
    return document | fields


def tariff_document(**fields: Any) -> dict[str, Any]:
    return {
        "name": "test",
        "currency": "EUR",
        "effective_from": "2026-01-01T00:00:00+00:00",
        "models": [{"model": "m", "meters": [meter_document(meter, "0.5") for meter in GLOSSARY]}],
    } | fields
