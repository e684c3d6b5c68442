"""Shares of meters: the worked example, and that they always add up to what was charged for."""

from hypothesis import given
from hypothesis import strategies as st

from ledger.itemising import itemised
from ledger.price_book import price_book_document
from ledger.pricing.prices import ModelPrices
from ledger.rating import rate
from ledger.tariff import Tariff

BOOK = Tariff.from_document(price_book_document(), version=1)
GENERIC, GPT = BOOK.models["generic-assistant"], BOOK.models["gpt-4o-realtime"]


def amounts(prices: ModelPrices, usage: dict[str, int], analytics: bool) -> dict[str, int]:
    cost = dict(rate(prices, usage, analytics).components)
    return {each.meter: each.amount_micros for each in itemised(prices, usage, analytics, cost)}


def test_the_worked_example_is_shown_per_meter() -> None:
    usage = {
        "llm_input_tokens": 1_840,
        "llm_output_tokens": 500,
        "stt_ms": 90_000,
        "tts_ms": 90_000,
        "telephony_ms": 0,
    }
    assert amounts(GENERIC, usage, analytics=True) == {
        "llm_input_tokens": 9_436,  # 0.0092 of the exact 0.0117, which is rounded to 0.012
        "llm_output_tokens": 2_564,
        "stt_ms": 9_000,
        "tts_ms": 23_000,
        "analytics_reports": 2_000,
    }


def test_a_call_below_the_free_period_costs_nothing_per_meter() -> None:
    found = itemised(GPT, {"llm_input_tokens": 40, "stt_ms": 900}, True, {})
    assert [(each.meter, each.quantity, each.amount_micros) for each in found] == [
        ("llm_input_tokens", 40, 0),
        ("stt_ms", 900, 0),
        ("analytics_reports", 1, 0),
    ]


@given(
    usage=st.dictionaries(st.sampled_from(sorted(GPT.lines)), st.integers(0, 10**7)),
    analytics=st.booleans(),
)
def test_the_shares_of_a_component_add_up_to_it(usage: dict[str, int], analytics: bool) -> None:
    cost = dict(rate(GPT, usage, analytics).components)
    found = itemised(GPT, usage, analytics, cost)
    sums: dict[str, int] = {}
    for each in found:
        assert each.amount_micros >= 0
        sums[each.component] = sums.get(each.component, 0) + each.amount_micros
    assert {name: micros for name, micros in sums.items() if micros} == cost
