"""What a simulated conversation uses up."""

import itertools

import pytest

from ledger.price_book import price_book
from server.simulator.plan import plan_calls
from server.simulator.speech import MODELS, Conversation, Model

MINUTE_MS = 60_000


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_usage_never_falls_and_accounts_for_every_millisecond(model: Model) -> None:
    conversation, before = Conversation(model, 3), dict.fromkeys(["stt_ms"], 0)
    for elapsed_ms in range(0, 3 * MINUTE_MS, 777):
        usage = conversation.usage_at(elapsed_ms)
        assert all(usage[meter] >= quantity for meter, quantity in before.items())
        assert usage["stt_ms"] + usage["tts_ms"] == elapsed_ms == usage["telephony_ms"]
        before = usage


def test_the_same_seed_says_the_same() -> None:
    first, second = Conversation(MODELS[0], 9), Conversation(MODELS[0], 9)
    second.usage_at(MINUTE_MS)  # what was asked before makes no difference
    assert first.usage_at(5_000) == second.usage_at(5_000)
    assert first.usage_at(MINUTE_MS) != Conversation(MODELS[0], 10).usage_at(MINUTE_MS)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_a_minute_uses_about_what_the_price_book_expects(model: Model) -> None:
    minutes, talks = 5, 40
    prices = {price.meter: price for price in price_book().models[model.name].meters}
    used = [Conversation(model, seed).usage_at(minutes * MINUTE_MS) for seed in range(talks)]
    for meter in ("llm_input_tokens", "llm_output_tokens", "stt_ms", "tts_ms"):
        mean = sum(usage[meter] for usage in used) / talks / minutes
        assert mean == pytest.approx(prices[meter].expected_per_minute, rel=0.35), meter


def test_plans_are_the_same_for_the_same_seed_and_take_tenants_by_turns() -> None:
    def plans(seed: int) -> list[object]:
        return list(itertools.islice(plan_calls("run", seed, ["a", "b"], 60), 20))

    assert plans(1) == plans(1)
    assert plans(1) != plans(2)
    tenants = [plan.tenant_id for plan in itertools.islice(plan_calls("r", 1, ["a", "b"], 60), 4)]
    assert tenants == ["a", "b", "a", "b"]


def test_some_calls_are_never_answered_and_some_are_shorter_than_the_free_period() -> None:
    plans = list(itertools.islice(plan_calls("run", 1, ["a"], 60), 1000))
    assert 40 < sum(not plan.answered for plan in plans) < 150
    assert 20 < sum(plan.talk_ms < price_book().free_period_ms for plan in plans) < 100
    assert len({plan.call_id for plan in plans}) == len(plans)
