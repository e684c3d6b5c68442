"""Facts converge: whatever order events come in and however often, state and money are the same."""

import json
import random

from hypothesis import given
from hypothesis import strategies as st

from ledger.payments.facts import Dispute, Facts, Refund, State
from ledger.payments.rate import returned_micros

PAY = 1_000
CREDIT = 10_000_000

refunds = st.builds(Refund, st.integers(1, PAY), st.booleans())
disputes = st.builds(Dispute, st.booleans(), st.integers(0, 3), st.booleans(), st.integers(1, PAY))
told = st.builds(
    Facts,
    st.booleans(),
    st.booleans(),
    st.booleans(),
    st.integers(0, PAY),
    st.dictionaries(st.sampled_from("ab"), refunds, max_size=2),
    st.dictionaries(st.sampled_from("xy"), disputes, max_size=2),
)

# From every state, where one more event may lead.
LEGAL = {
    State.PENDING: set(State),
    State.EXPIRED: set(State) - {State.PENDING},
    State.FAILED: set(State) - {State.PENDING, State.EXPIRED},
    State.SUCCEEDED: {State.SUCCEEDED, State.REFUNDED, State.DISPUTED},
    State.REFUNDED: {State.SUCCEEDED, State.REFUNDED, State.DISPUTED},
    State.DISPUTED: {State.SUCCEEDED, State.REFUNDED, State.DISPUTED},
}


def gathered(events: list[Facts]) -> Facts:
    """What is known after the events."""
    known = Facts()
    for event in events:
        known = known.joined(event)
    return known


@given(st.lists(told, max_size=6), st.randoms(use_true_random=False))
def test_order_and_repeats_of_events_do_not_matter(
    events: list[Facts], chance: random.Random
) -> None:
    again = events + [chance.choice(events) for _ in events[:3]]
    chance.shuffle(again)
    assert gathered(again) == gathered(events)


@given(st.lists(told, max_size=6))
def test_only_legal_transitions_happen(events: list[Facts]) -> None:
    known = Facts()
    for event in events:
        after = known.joined(event)
        assert after.state(PAY) in LEGAL[known.state(PAY)]
        known = after


@given(told)
def test_never_more_goes_back_than_came(facts: Facts) -> None:
    out = facts.out_minor(PAY)
    assert 0 <= out <= (PAY if facts.paid else 0)
    assert (facts.state(PAY) in (State.PENDING, State.FAILED, State.EXPIRED)) is not facts.paid
    assert 0 <= returned_micros(CREDIT, PAY, out) <= CREDIT


@given(told)
def test_facts_survive_their_document(facts: Facts) -> None:
    assert Facts.from_document(json.loads(json.dumps(facts.to_document()))) == facts


@given(st.integers(1, 10**12), st.integers(1, 10**6), st.lists(st.integers(0, 10**6), max_size=5))
def test_parts_that_add_up_to_the_whole_take_back_the_whole(
    credit: int, pay: int, cuts: list[int]
) -> None:
    steps = sorted({min(cut, pay) for cut in cuts} | {pay})
    totals = [returned_micros(credit, pay, out) for out in steps]
    assert totals == sorted(totals)
    assert totals[-1] == credit


def test_a_refund_told_as_a_total_and_one_by_one_is_counted_once() -> None:
    total = Facts(paid=True, refunded_minor=300)
    single = Facts(refunds={"re_1": Refund(100), "re_2": Refund(200)})
    assert total.joined(single).out_minor(PAY) == 300


def test_a_refund_that_fails_is_no_refund_after_all() -> None:
    facts = Facts(paid=True, refunded_minor=PAY, refunds={"re_1": Refund(PAY)})
    assert facts.state(PAY) is State.REFUNDED
    facts = facts.joined(Facts(refunds={"re_1": Refund(PAY, failed=True)}))
    assert (facts.state(PAY), facts.out_minor(PAY)) == (State.SUCCEEDED, 0)


def test_a_dispute_follows_its_latest_closing() -> None:
    facts = Facts(paid=True, disputes={"dp": Dispute(True, 5, False, PAY)})
    assert facts.joined(Facts(disputes={"dp": Dispute(False, 9, False, PAY)})) == facts
    assert facts.state(PAY) is State.SUCCEEDED
    lost = facts.joined(Facts(disputes={"dp": Dispute(True, 6, True, PAY)}))
    assert lost.state(PAY) is State.DISPUTED
