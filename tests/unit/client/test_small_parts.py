"""The client's small parts: usage, pauses, the schedule, and the words of the contract."""

from datetime import UTC, datetime
from enum import IntEnum

import pytest

from tollgate.v1 import call_authorization_pb2 as pb
from tollgate.v1 import common_pb2
from tollgate_client import Direction, Directive, Outcome, Reason, Refused
from tollgate_client.agenda import Agenda
from tollgate_client.backoff import Backoff
from tollgate_client.usage import MAX_METERS, UsageTotals


def test_usage_takes_increments_and_totals_and_never_falls() -> None:
    usage = UsageTotals()
    usage.add({"a": 2})
    usage.raise_to({"a": 1, "b": 5})
    usage.raise_to({"b": 7})
    assert usage.snapshot() == {"a": 2, "b": 7}


@pytest.mark.parametrize("wrong", [{"a": -1}, {"a": 10**12}, {"": 1}, {"\ud800": 1}, {"a": 1.5}])
def test_wrong_usage_is_refused_and_changes_nothing(wrong: dict[str, int]) -> None:
    usage = UsageTotals()
    usage.add({"a": 1})
    with pytest.raises(ValueError, match=r"meter|must be"):
        usage.add({"b": 1} | wrong)
    assert usage.snapshot() == {"a": 1}


def test_a_call_has_no_more_meters_than_the_contract_allows() -> None:
    usage = UsageTotals()
    usage.add({f"m{number}": 1 for number in range(MAX_METERS)})
    with pytest.raises(ValueError, match="meters"):
        usage.add({"one-more": 1})


def test_pauses_are_shortened_at_random_and_begin_anew_after_success() -> None:
    chances = iter([0.0, 1.0, 0.5, 0.0])
    backoff = Backoff(1, 3, lambda: next(chances))
    assert [backoff.pause_s(), backoff.pause_s(), backoff.pause_s()] == [1, 1, 2.25]
    backoff.reset()
    assert backoff.pause_s() == 1


def test_the_agenda_brings_up_each_item_once_at_its_earliest_moment() -> None:
    agenda: Agenda[str] = Agenda()
    agenda.put("a", 5)
    agenda.put("a", 3)
    agenda.put("a", 9)
    agenda.put("b", 4)
    agenda.put("c", 4)
    agenda.drop("c")
    assert agenda.due(2) == []
    assert agenda.due(10) == ["a", "b"]
    agenda.put("a", 12)
    assert agenda.due(12) == ["a"]


def test_the_agenda_does_not_grow_with_how_often_an_item_is_put() -> None:
    agenda: Agenda[str] = Agenda()
    for moment in range(100, 10_000):
        agenda.put("a", moment)
    assert len(agenda) == 1


@pytest.mark.parametrize(
    ("words", "numbers", "prefix"),
    [
        (Direction, common_pb2.Direction, "DIRECTION_"),
        (Outcome, common_pb2.Outcome, "OUTCOME_"),
        (Directive, pb.Directive, "DIRECTIVE_"),
        (Reason, pb.RefusalReason, "REFUSAL_REASON_"),
    ],
)
def test_the_words_are_those_of_the_contract(
    words: type[IntEnum], numbers: object, prefix: str
) -> None:
    ours = {f"{prefix}{word.name}": word.value for word in words}
    assert ours == dict(numbers.items())  # type: ignore[attr-defined]
    assert words(99).name == "UNSPECIFIED" if words is not Direction else True


def test_a_refusal_has_every_figure_of_the_contract() -> None:
    refusal, moment = pb.Refusal(), datetime(2026, 1, 2, tzinfo=UTC)
    names = [field.name for field in pb.Refusal.DESCRIPTOR.fields]
    for value, name in enumerate(names, start=1):
        if name == "resets_at":
            refusal.resets_at.FromDatetime(moment)
        else:
            setattr(refusal, name, value)
    expected: dict[str, object] = {name: value for value, name in enumerate(names, start=1)}
    told = vars(Refused(refusal))
    assert told == expected | {"reason": Reason(1), "resets_at": moment}


def test_what_a_refusal_does_not_tell_is_none_and_zero_is_told() -> None:
    refused = Refused(pb.Refusal(calls_per_minute=0))
    assert (refused.calls_per_minute, refused.retry_after_ms) == (0, None)
    assert (refused.daily_cap_micros, refused.resets_at) == (None, None)
    assert refused.caller_daily_limit_micros is refused.caller_spent_today_micros is None
    assert refused.caller_reserved_micros is None
