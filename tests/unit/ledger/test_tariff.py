"""A tariff document is taken whole or refused with every problem named by its path."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ledger.errors import TariffRejected
from ledger.price_book import price_book, price_book_document
from ledger.pricing.meter import GLOSSARY
from ledger.tariff import Tariff
from tests.unit.ledger.pricing_samples import meter_document, tariff_document


def problems_of(document: Any) -> tuple[str, ...]:
    with pytest.raises(TariffRejected) as raised:
        Tariff.from_document(document)
    return raised.value.problems


def with_meter(position: int, **fields: Any) -> dict[str, Any]:
    document = tariff_document()
    document["models"][0]["meters"][position] |= fields
    return document


def with_further_meter(**fields: Any) -> dict[str, Any]:
    document = tariff_document()
    document["models"][0]["meters"].append(fields)
    return document


def test_the_built_in_price_book_is_taken() -> None:
    book = price_book()
    assert str(book) == "standard@1"
    assert book.currency == "USD"
    assert sorted(book.models) == ["generic-assistant", "gpt-4o-realtime", "qwen-realtime"]


def test_a_document_survives_the_way_there_and_back() -> None:
    document = with_meter(3, increment={"initial_ms": 6_000, "next_ms": 1_000})
    for tariff in (price_book(), Tariff.from_document(document, version=7)):
        assert Tariff.from_document(tariff.to_document()) == tariff


def test_what_is_left_out_has_its_documented_default() -> None:
    now = datetime(2026, 5, 1, 12, tzinfo=UTC)
    document = tariff_document()
    del document["effective_from"]
    tariff = Tariff.from_document(document, now=now)
    assert (tariff.version, tariff.free_period_ms, tariff.effective_from) == (1, 3_000, now)
    assert (tariff.rounding.mode, tariff.rounding.quantum_micros) == ("half_up", 1)
    components = {price.meter: price.component for price in tariff.models["m"].meters}
    assert components == {name: meter.component for name, meter in GLOSSARY.items()}


def test_a_time_in_another_offset_is_the_same_moment() -> None:
    tariff = Tariff.from_document(tariff_document(effective_from="2026-01-01T03:00:00+03:00"))
    assert tariff.effective_from == datetime(2026, 1, 1, tzinfo=UTC)
    assert tariff.effective_from.utcoffset() == timedelta(0)


def test_a_tariff_may_define_further_meters() -> None:
    further = {"meter": "video_ms", "rate": "0.1", "expected_per_minute": 0}
    tariff = Tariff.from_document(with_further_meter(**further))
    price = tariff.models["m"].meters[-1]
    assert (price.component, price.unit) == ("video_ms", "per_minute")


def test_every_glossary_meter_must_be_priced() -> None:
    for position, meter in enumerate(GLOSSARY):
        document = tariff_document()
        del document["models"][0]["meters"][position]
        told = f"models[0].meters: {meter} has no price; write 0 where it is free"
        assert told in problems_of(document)


def test_a_price_of_zero_must_be_written() -> None:
    document = tariff_document()
    del document["models"][0]["meters"][1]["rate"]
    assert "models[0].meters[1].rate: is missing" in problems_of(document)


@pytest.mark.parametrize(
    "rate",
    ["-0.1", "1e3", "NaN", "", ".5", "0,5", "1.", " 1", "0.1234567890123", "99999", 0.5, 1, True],
)
def test_a_rate_is_a_plain_decimal_in_quotes(rate: object) -> None:
    (problem,) = problems_of(with_meter(2, rate=rate))
    assert problem.startswith("models[0].meters[2].rate: ")


def test_a_rate_is_at_most_a_thousand() -> None:
    Tariff.from_document(with_meter(6, rate="1000"))
    told = "models[0].meters[6].rate: must be at most 1000"
    assert problems_of(with_meter(6, rate="1000.000000000001")) == (told,)


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"name": "Bad Name"}, "name: must be text"),
        ({"name": "test\n"}, "name: must be text"),
        ({"currency": "eur"}, "currency: must be text"),
        ({"currency": "EURO"}, "currency: must be text"),
        ({"version": 0}, "version: must be a whole number"),
        ({"effective_from": "2026-01-01T00:00:00"}, "effective_from: must be a time"),
        ({"effective_from": "soon"}, "effective_from: must be a time"),
        ({"effective_from": 5}, "effective_from: must be a time"),
        ({"effective_from": None}, "effective_from: is missing"),
        ({"free_period_ms": -1}, "free_period_ms: must be a whole number"),
        ({"free_period_ms": 3_600_001}, "free_period_ms: must be a whole number"),
        ({"rounding": {"mode": "nearest"}}, "rounding.mode: must be one of half_up, half_even"),
        ({"rounding": {"quantum_micros": 0}}, "rounding.quantum_micros: must be a whole number"),
        ({"rounding": {"step": 1}}, "rounding.step: unknown field"),
        ({"rounding": []}, "rounding: must be a table"),
        ({"models": []}, "models: must be an array"),
        ({"models": "m"}, "models: must be an array"),
        ({"models": None}, "models: is missing"),
        ({"models": [5]}, "models[0]: must be a table"),
        ({"discount": 5}, "discount: unknown field"),
    ],
)
def test_a_bad_field_is_told_by_its_path(fields: dict[str, Any], problem: str) -> None:
    assert any(told.startswith(problem) for told in problems_of(tariff_document(**fields)))


@pytest.mark.parametrize(
    ("position", "fields", "problem"),
    [
        (0, {"meter": "LLM"}, "models[0].meters[0].meter: must be text"),
        (0, {"unit": "per_minute"}, "models[0].meters[0].unit: must be per_1k"),
        (3, {"unit": "per_1k"}, "models[0].meters[3].unit: must be per_minute"),
        (6, {"unit": "per_1k"}, "models[0].meters[6].unit: must be per_call"),
        (3, {"unit": "per_hour"}, "models[0].meters[3].unit: must be one of"),
        (0, {"component": "the llm"}, "models[0].meters[0].component: must be text"),
        (3, {"expected_per_minute": None}, "models[0].meters[3].expected_per_minute: is missing"),
        (3, {"expected_per_minute": -1}, "models[0].meters[3].expected_per_minute: must be"),
        (3, {"expected_per_minute": 1.5}, "models[0].meters[3].expected_per_minute: must be"),
        (6, {"expected_per_minute": 1}, "models[0].meters[6].expected_per_minute: is not for"),
        (0, {"increment": {"initial_ms": 1, "next_ms": 1}}, "models[0].meters[0].increment: is"),
        (3, {"increment": {"initial_ms": 0, "next_ms": 1}}, "models[0].meters[3].increment.init"),
        (3, {"increment": {"initial_ms": 1}}, "models[0].meters[3].increment.next_ms: is missing"),
        (3, {"rte": "1"}, "models[0].meters[3].rte: unknown field"),
        (1, {"meter": "stt_ms"}, "models[0].meters[3].meter: appears twice"),
    ],
)
def test_a_bad_price_is_told_by_its_path(
    position: int, fields: dict[str, Any], problem: str
) -> None:
    assert any(told.startswith(problem) for told in problems_of(with_meter(position, **fields)))


def test_a_model_appears_once() -> None:
    document = tariff_document()
    document["models"] *= 2
    assert problems_of(document) == ("models[1].model: appears twice",)


def test_a_model_with_a_price_is_expected_to_cost_something() -> None:
    meters = [meter_document(meter, "1", expected_per_minute=0) for meter in GLOSSARY]
    document = tariff_document(models=[{"model": "m", "meters": meters}])
    told = "models[0].meters: the model has a price, but its expected cost per minute is 0"
    assert problems_of(document) == (told,)


def test_an_expected_hour_stays_below_the_largest_amount() -> None:
    document = with_meter(0, rate="1000", expected_per_minute=10**9)
    assert problems_of(document) == (
        "models[0].meters: the expected cost of an hour is above 10^12 micros",
    )


def test_all_problems_are_told_at_once() -> None:
    document = with_meter(3, rate="-1") | {"currency": "x", "colour": "red"}
    assert {problem.split(":")[0] for problem in problems_of(document)} == {
        "currency",
        "models[0].meters[3].rate",
        "colour",
    }


def test_anything_but_a_table_is_refused() -> None:
    assert "document: must be a table" in problems_of([1])


def test_the_price_book_document_is_not_shared() -> None:
    price_book_document()["models"].clear()
    assert price_book().models
