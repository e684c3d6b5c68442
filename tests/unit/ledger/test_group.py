"""What a group of outbox entries becomes is decided from what is stored and the entries alone."""

from datetime import UTC, datetime
from typing import Any

import pytest

from ledger.entry import Aside, Crossing, Deed, Entry, PostedDebit, SettledCall, Verdict
from ledger.group import Found, Known, Place, decide

AT = datetime(2026, 3, 2, tzinfo=UTC)


def call(n: int, call_id: str = "c", **fields: Any) -> SettledCall:
    values: dict[str, Any] = dict.fromkeys(SettledCall._fields)
    values |= {"n": n, "tenant": "acme", "call_id": call_id, "usage": {}, "settle_digest": b"d"}
    values |= {"caller": "", "callee": "", "assistant_id": ""}
    values |= {"cost": (("llm", 70), ("stt", 30)), "rated_micros": 100, "charged_micros": 90}
    values |= {"overrun_micros": 10, "spend_by_day": (("20260302", 90),), "settled_at": AT}
    return SettledCall(**(values | fields))


def debit(n: int, **fields: Any) -> PostedDebit:
    return PostedDebit(n, "acme", "r", b"d", 50, "returned")._replace(**fields)


def known(posted_n: int = 0, **found: Any) -> Known:
    return Known(posted_n, found.get("calls", {}), found.get("requests", {}), {"acme": "USD"})


def deeds(*entries: Entry, posted_n: int = 0) -> list[Deed]:
    return [verdict.deed for verdict in decide(0, 1, entries, known(posted_n)).verdicts]


def test_a_call_becomes_one_posting_per_component_and_one_for_the_overrun() -> None:
    plan = decide(0, 1, [call(1)], known())
    moves = [(posting.debit, posting.credit, posting.amount_micros) for posting in plan.postings]
    assert moves == [
        ("funds", "revenue.llm", 70),
        ("funds", "revenue.stt", 30),
        ("overrun", "funds", 10),
    ]
    assert dict(plan.spend) == {("acme", "20260302"): 90}


def test_a_debit_becomes_one_posting() -> None:
    (posting,) = decide(0, 1, [debit(1)], known()).postings
    assert (posting.debit, posting.credit, posting.amount_micros) == ("funds", "adjustments", 50)
    assert (posting.kind, posting.request_id, posting.call_id) == ("debit", "r", None)


def test_the_second_of_two_equal_calls_in_a_group_is_returned() -> None:
    plan = decide(0, 1, [call(1), call(2), call(3, rated_micros=90, overrun_micros=0)], known())
    assert plan.verdicts == [
        Verdict(1, Deed.POSTED),
        Verdict(2, Deed.RETURNED, same_content=True),
        Verdict(3, Deed.RETURNED, same_content=False),
    ]
    assert len(plan.calls) == 1


def test_another_split_of_the_same_cost_is_the_same_content() -> None:
    again = call(2, charged_micros=100, overrun_micros=0)
    verdict = decide(0, 1, [call(1), again], known()).verdicts[1]
    assert verdict == Verdict(2, Deed.RETURNED, same_content=True)


def test_an_entry_that_was_posted_keeps_its_verdict_and_writes_nothing() -> None:
    first = decide(0, 1, [call(1), debit(2)], before := known())
    after = Known(2, before.calls, before.requests, before.currencies)
    again = decide(0, 1, [call(1), debit(2)], after)
    assert again.verdicts == first.verdicts
    assert [again.calls, again.debits, again.postings, dict(again.spend)] == [[], [], [], {}]


def test_a_posted_entry_that_is_not_stored_was_set_aside() -> None:
    plan = decide(0, 1, [call(1), debit(2)], known(posted_n=2))
    assert plan.verdicts == [Verdict(1, Deed.ASIDE), Verdict(2, Deed.ASIDE)]
    assert not plan.asides


def test_the_same_number_of_another_epoch_or_shard_is_another_entry() -> None:
    for place in (Place(0, 2, 1), Place(1, 1, 1)):
        held = {("acme", "c"): Found(place, ())}
        (verdict,) = decide(0, 1, [call(1)], known(calls=held)).verdicts
        assert verdict == Verdict(1, Deed.RETURNED, same_content=False)


def test_a_request_that_was_no_debit_is_other_content() -> None:
    held = {("acme", "r"): Found(None, (b"credit",))}
    (verdict,) = decide(0, 1, [debit(1)], known(requests=held)).verdicts
    assert verdict == Verdict(1, Deed.RETURNED, same_content=False)


@pytest.mark.parametrize(
    "entry",
    [
        call(1, tenant="nobody"),
        call(1, charged_micros=91),
        call(1, overrun_micros=-10, charged_micros=110),
        call(1, overrun_micros=110, charged_micros=-10),
        call(1, cost=(("llm", 99),)),
        call(1, cost=(("llm", 101), ("stt", -1))),
        call(1, cost=(("llm", 100), ("stt", 0))),
        call(1, rated_micros=10**12 + 1),
        call(1, callee="\0"),
        debit(1, tenant="nobody"),
        debit(1, amount_micros=0),
        debit(1, amount_micros=10**12 + 1),
        debit(1, reason="\0"),
        Crossing(1, "acme", "anniversary", AT, 0, 0),
        Aside(1, "acme", "c", "unreadable", {}),
    ],
)
def test_what_cannot_be_posted_is_set_aside(entry: Entry) -> None:
    plan = decide(0, 1, [entry], known())
    assert plan.verdicts == [Verdict(1, Deed.ASIDE)]
    assert [aside.n for aside in plan.asides] == [1]
    assert not plan.postings


def test_crossings_are_kept_once() -> None:
    crossing = Crossing(1, "acme", "low_balance", AT, 9, 10)
    assert deeds(crossing) == deeds(crossing, posted_n=1) == [Deed.POSTED]
    assert decide(0, 1, [crossing], known()).crossings == [crossing]
    assert decide(0, 1, [crossing], known(posted_n=1)).crossings == []
