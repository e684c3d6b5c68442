"""Rating is exact, rounds once per component, and never falls when usage rises."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import CostOutOfRange, QuantityOutOfRange, UnknownMeter
from ledger.price_book import price_book, price_book_document
from ledger.pricing.increment import Increment
from ledger.pricing.meter import GLOSSARY, QUANTITY_PER_UNIT
from ledger.pricing.prices import ModelPrices
from ledger.pricing.rounding import DIVIDE, RoundingMode
from ledger.rating import expectation, rate, rate_placed, rate_total
from ledger.tariff import Tariff
from tests.unit.ledger.pricing_samples import meter_document, tariff_document

WORKED_EXAMPLE = {"llm_input_tokens": 2_340, "stt_ms": 90_000, "tts_ms": 90_000}

BOOK = price_book()

rates = st.decimals(0, 1_000, places=12, allow_nan=False).map(lambda rate: format(rate, "f"))
increments = st.none() | st.builds(
    lambda initial, following: {"initial_ms": initial, "next_ms": following},
    st.integers(1, 60_000),
    st.integers(1, 60_000),
)
quantities = st.integers(0, 10**6)


@st.composite
def prices(draw: st.DrawFn) -> ModelPrices:
    meters = []
    for meter in GLOSSARY:
        document = meter_document(meter, draw(rates), expected_per_minute=1)
        if meter == "analytics_reports":
            document["expected_per_minute"] = 0
        increment = draw(increments) if meter.endswith("_ms") else None
        if increment is not None:
            document["increment"] = increment
        meters.append(document)
    rounding = {
        "mode": draw(st.sampled_from(RoundingMode)).value,
        "quantum_micros": draw(st.sampled_from([1, 7, 1_000])),
    }
    document = tariff_document(models=[{"model": "m", "meters": meters}], rounding=rounding)
    return Tariff.from_document(document).models["m"]


usages = st.fixed_dictionaries({}, optional=dict.fromkeys(sorted(GLOSSARY), quantities))


def free_model() -> ModelPrices:
    meters = [meter_document(meter, "0") for meter in GLOSSARY]
    document = tariff_document(models=[{"model": "m", "meters": meters}])
    return Tariff.from_document(document).models["m"]


def test_the_worked_example_costs_46_thousandths_when_rounded_to_thousandths() -> None:
    rated = rate(BOOK.models["generic-assistant"], WORKED_EXAMPLE, analytics=True)
    assert rated.components == (
        ("llm", 12_000),
        ("stt", 9_000),
        ("tts", 23_000),
        ("analytics", 2_000),
    )
    assert rated.total_micros == 46_000


def test_the_worked_example_costs_45200_micros_exactly() -> None:
    document = price_book_document() | {"rounding": {"mode": "half_up", "quantum_micros": 1}}
    exact = Tariff.from_document(document)
    rated = rate(exact.models["generic-assistant"], WORKED_EXAMPLE, analytics=True)
    assert dict(rated.components) == {"llm": 11_700, "stt": 9_000, "tts": 22_500, "analytics": 2000}
    assert rated.total_micros == 45_200


@pytest.mark.parametrize(
    ("model", "usage", "micros"),
    [
        ("gpt-4o-realtime", {"llm_input_tokens": 1_000}, 5_000),
        ("gpt-4o-realtime", {"llm_cached_tokens": 1_000}, 5_000),
        ("gpt-4o-realtime", {"llm_output_tokens": 1_000}, 20_000),
        ("gpt-4o-realtime", {"stt_ms": 60_000}, 6_000),
        ("gpt-4o-realtime", {"tts_ms": 60_000}, 24_000),
        ("qwen-realtime", {"llm_input_tokens": 1_000}, 1_000),
        ("qwen-realtime", {"llm_output_tokens": 1_000}, 3_000),
        ("qwen-realtime", {"stt_ms": 60_000}, 3_000),
        ("qwen-realtime", {"tts_ms": 60_000}, 8_000),
        ("generic-assistant", {"llm_output_tokens": 1_000}, 5_000),
        ("generic-assistant", {"tts_ms": 60_000}, 15_000),
        ("generic-assistant", {"telephony_ms": 600_000}, 0),
        ("generic-assistant", {"analytics_reports": 3}, 6_000),
    ],
)
def test_the_built_in_price_book_has_the_products_prices(
    model: str, usage: dict[str, int], micros: int
) -> None:
    assert rate(BOOK.models[model], usage, analytics=False).total_micros == micros


def test_the_analytics_switch_prices_one_report_at_least() -> None:
    model = BOOK.models["generic-assistant"]
    assert rate(model, {}, analytics=True).total_micros == 2_000
    assert rate(model, {"analytics_reports": 1}, analytics=True).total_micros == 2_000
    assert rate(model, {"analytics_reports": 2}, analytics=True).total_micros == 4_000
    assert rate(model, {}, analytics=False).total_micros == 0


def test_a_component_is_rounded_once_for_all_its_meters() -> None:
    usage = {"llm_input_tokens": 50, "llm_cached_tokens": 50, "llm_output_tokens": 0}
    rated = rate(BOOK.models["generic-assistant"], usage, analytics=False)
    assert rated.components == (("llm", 1_000),)


def test_a_meter_outside_the_tariff_is_named() -> None:
    with pytest.raises(UnknownMeter) as raised:
        rate(BOOK.models["generic-assistant"], {"llm_input_tokens": 1, "video_ms": 0}, False)
    assert raised.value.meter == "video_ms"


@pytest.mark.parametrize("quantity", [-1, 10**12 + 1, 1.0, True, "1", None])
def test_a_quantity_out_of_range_is_refused(quantity: int) -> None:
    with pytest.raises(QuantityOutOfRange) as raised:
        rate(BOOK.models["generic-assistant"], {"stt_ms": quantity}, analytics=False)
    assert raised.value.meter == "stt_ms"


def test_a_cost_above_the_largest_amount_is_refused() -> None:
    dear = Tariff.from_document(tariff_document()).models["m"]
    with pytest.raises(CostOutOfRange):
        rate(dear, {"llm_input_tokens": 10**12}, analytics=False)
    with pytest.raises(CostOutOfRange):
        rate_total(dear, {"llm_input_tokens": 10**12}, analytics=False)


@given(prices(), usages, st.booleans())
def test_rating_equals_rational_arithmetic(
    model: ModelPrices, usage: dict[str, int], analytics: bool
) -> None:
    exact: dict[str, Fraction] = {}
    for price in model.meters:
        quantity = usage.get(price.meter, 0)
        if price.meter == "analytics_reports":
            quantity = max(quantity, int(analytics))
        if price.increment is not None:
            quantity = price.increment.billed_ms(quantity)
        cost = Fraction(price.rate) * 10**6 * quantity / QUANTITY_PER_UNIT[price.unit]
        exact[price.component] = exact.get(price.component, Fraction(0)) + cost
    expected = {}
    for component, cost in exact.items():
        quanta = cost / model.quantum_micros
        micros = model.divide(quanta.numerator, quanta.denominator) * model.quantum_micros
        if micros:
            expected[component] = micros
    try:
        rated = rate(model, usage, analytics)
    except CostOutOfRange:
        assert sum(expected.values()) > 10**12
    else:
        assert dict(rated.components) == expected
        assert rate_total(model, usage, analytics) == rated.total_micros
        assert rated.total_micros == sum(expected.values())


@given(prices(), st.lists(quantities, min_size=7, max_size=7), st.booleans())
def test_usage_in_the_order_of_the_glossary_comes_to_the_same(
    model: ModelPrices, placed: list[int], analytics: bool
) -> None:
    short = rate_placed(model, placed, analytics)
    try:
        total = rate_total(model, dict(zip(GLOSSARY, placed, strict=True)), analytics)
    except CostOutOfRange:
        assert short is None
    else:
        to_even = model.divide is DIVIDE[RoundingMode.HALF_EVEN]
        steps = any(price.increment for price in model.meters)
        assert short == (None if to_even or steps else total)


@pytest.mark.parametrize("quantity", [-1, 10**12 + 1])
def test_a_placed_quantity_out_of_range_is_left_to_be_told(quantity: int) -> None:
    model = BOOK.models["generic-assistant"]
    assert rate_placed(model, [0, 0, 0, 1, 0, 0, 0], analytics=False) == 0
    assert rate_placed(model, [0, 0, 0, quantity, 0, 0, 0], analytics=False) is None


@given(prices(), usages, st.sampled_from(sorted(GLOSSARY)), quantities, st.booleans())
def test_rating_never_falls_when_a_quantity_rises(
    model: ModelPrices, usage: dict[str, int], meter: str, rise: int, analytics: bool
) -> None:
    more = usage | {meter: usage.get(meter, 0) + rise}
    try:
        after = rate(model, more, analytics).total_micros
    except CostOutOfRange:
        return
    assert rate(model, usage, analytics).total_micros <= after


@pytest.mark.parametrize(
    ("mode", "rounded"),
    [
        (RoundingMode.HALF_UP, [0, 1, 1, 1, 2, 2]),
        (RoundingMode.HALF_EVEN, [0, 0, 1, 1, 2, 2]),
        (RoundingMode.UP, [0, 1, 1, 1, 2, 2]),
        (RoundingMode.DOWN, [0, 0, 0, 1, 1, 1]),
    ],
)
def test_each_rounding_mode_goes_its_way(mode: RoundingMode, rounded: list[int]) -> None:
    quarters = [0, 2, 3, 4, 6, 7]
    assert [DIVIDE[mode](numerator, 4) for numerator in quarters] == rounded


@pytest.mark.parametrize(
    ("increment", "billed"),
    [
        (Increment(60_000, 60_000), {0: 0, 1: 60_000, 60_000: 60_000, 60_001: 120_000}),
        (Increment(6_000, 6_000), {1: 6_000, 6_001: 12_000, 18_000: 18_000}),
        (Increment(1_000, 1_000), {1: 1_000, 1_500: 2_000}),
        (Increment(30_000, 6_000), {1: 30_000, 30_001: 36_000, 36_000: 36_000}),
    ],
)
def test_begun_steps_are_billed_in_full(increment: Increment, billed: dict[int, int]) -> None:
    assert {elapsed: increment.billed_ms(elapsed) for elapsed in billed} == billed


def test_the_expectation_covers_time_and_fees() -> None:
    expected = expectation(BOOK.models["generic-assistant"], 60, analytics=True)
    # 780 tokens are $0.0039, half a minute each way $0.003 and $0.0075, the report $0.002.
    assert expected.cost_micros == 4_000 + 3_000 + 8_000 + 2_000
    assert expected.fee_micros == 2_000
    assert expected.burn_micros_per_second == 240


def test_a_model_that_can_cost_nothing_is_expected_to_cost_nothing() -> None:
    assert expectation(free_model(), 60, analytics=True) == (0, 0, 0)


def test_a_model_that_can_cost_something_is_never_expected_to_be_free() -> None:
    document = price_book_document() | {"rounding": {"mode": "down", "quantum_micros": 10**6}}
    model = Tariff.from_document(document).models["qwen-realtime"]
    expected = expectation(model, 1, analytics=False)
    assert expected.cost_micros >= expected.burn_micros_per_second > 0
