"""The guards as the oracle decides them, worked out by hand."""

from typing import Any

from quota.decision import Directive, Reason, SweepDeed
from quota.operation import NONE, Apply
from tests.unit.test_oracle import MIDNIGHT_MS, NOON_MS, Bench

ANNA, BERT = b"1\x00+1555\x00+1", b"1\x00+1777\x00+1"
OUTBOUND, NAMELESS = b"2\x00+1555\x00+1", b"1\x00\x00+1"
MONEY = 1_000_000


def guards(version: int, **fields: Any) -> Apply:
    """A change to other guards and no other limits."""
    change = Apply("anna", version, 0, 1, 0, NONE, NONE, NONE, NONE, 0, "")
    return change._replace(**fields)


def test_starts_come_back_one_by_one_over_the_minute() -> None:
    bench = Bench(balance=MONEY, calls_per_minute=3)
    reasons = [bench.authorize(f"call-{number}").reason for number in range(5)]
    assert reasons == [Reason.NONE] * 3 + [Reason.RATE_LIMITED] * 2
    assert bench.authorize("early").guard == (3, 20_000)
    bench.now_ms += 19_999
    assert bench.authorize("early").guard == (3, 1)
    bench.now_ms += 1
    assert bench.authorize("late").reason == Reason.NONE
    assert bench.authorize("later").guard == (3, 20_000)
    bench.now_ms += 60_000
    reasons = [bench.authorize(f"next-{number}").reason for number in range(4)]
    assert reasons == [Reason.NONE] * 3 + [Reason.RATE_LIMITED]


def test_another_rate_takes_the_starts_over_and_a_removed_one_forgets_them() -> None:
    bench = Bench(balance=MONEY, calls_per_minute=2)
    for number in range(2):
        bench.authorize(f"call-{number}")
    bench.do(guards(2, calls_per_minute=3))
    assert bench.authorize("third").reason == Reason.NONE
    assert bench.authorize("fourth").reason == Reason.RATE_LIMITED
    bench.do(guards(3))
    bench.do(guards(4, calls_per_minute=1))
    assert bench.authorize("fourth").reason == Reason.NONE


def test_a_lower_rate_takes_over_no_more_starts_than_it_allows() -> None:
    bench = Bench(balance=MONEY, calls_per_minute=100)
    for number in range(100):
        bench.authorize(f"call-{number}")
    bench.do(guards(2, calls_per_minute=6))
    assert bench.authorize("early").guard == (6, 10_000)
    bench.do(guards(3, calls_per_minute=0))
    bench.do(guards(4, calls_per_minute=1))
    assert bench.authorize("first").reason == Reason.NONE


def test_refusals_repeats_and_calls_with_usage_are_no_starts() -> None:
    bench = Bench(balance=1_300, calls_per_minute=2)
    bench.authorize("one")
    bench.authorize("one")
    bench.authorize("going", has_usage=1, total=10, weight=1, elapsed_ms=4_000)
    assert bench.authorize("poor").reason == Reason.INSUFFICIENT_BALANCE
    bench.settle("one", 0, 0)
    assert bench.authorize("two").reason == Reason.NONE
    bench.settle("two", 0, 0)
    assert bench.authorize("three").reason == Reason.RATE_LIMITED


def test_parallel_calls_of_a_caller_share_its_limit_and_others_do_not() -> None:
    bench = Bench(balance=MONEY, caller_daily_limit=1_250)
    reserved = [bench.authorize(f"call-{number}", parties=ANNA).reserved for number in range(2)]
    assert reserved == [600, 600]
    refused = bench.authorize("third", parties=ANNA)
    assert (refused.reason, refused.guard) == (Reason.CALLER_LIMIT, (1_250, 0, 1_200))
    assert bench.authorize("bert", parties=BERT).reserved == 600
    assert bench.authorize("outbound", parties=OUTBOUND).reserved == 600
    assert bench.authorize("nameless-1", parties=NAMELESS).reserved == 600
    assert bench.authorize("nameless-2", parties=NAMELESS).reserved == 600
    assert bench.authorize("nameless-3", parties=NAMELESS).reason == Reason.CALLER_LIMIT


def test_a_callers_limit_bounds_what_a_report_may_charge() -> None:
    bench = Bench(balance=MONEY, caller_daily_limit=700)
    bench.authorize("call", parties=ANNA)
    answer = bench.charge("call", 750, 60_000)
    assert (answer.charged, answer.overrun, answer.directive) == (700, 50, Directive.HANG_UP)


def test_a_callers_limit_counts_anew_on_another_day() -> None:
    bench = Bench(balance=MONEY, caller_daily_limit=700)
    bench.now_ms = MIDNIGHT_MS - 1
    bench.authorize("call", parties=ANNA)
    bench.settle("call", 650, 60_000, parties=ANNA)
    assert bench.authorize("next", parties=ANNA).guard == (700, 650, 0)
    bench.now_ms = MIDNIGHT_MS
    assert bench.authorize("next", parties=ANNA).reserved == 600


def test_a_correction_gives_back_to_the_caller_what_it_gives_back_today() -> None:
    bench = Bench(balance=MONEY, caller_daily_limit=700)
    bench.authorize("call", parties=ANNA)
    bench.charge("call", 650, 60_000)
    bench.settle("call", 50, 60_000, parties=ANNA, corrects_usage=1)
    assert bench.authorize("next", parties=ANNA).reserved == 600


def test_a_call_joins_its_caller_when_a_limit_comes_and_stays_when_it_goes() -> None:
    bench = Bench(balance=MONEY)
    bench.authorize("call", parties=ANNA)
    bench.charge("call", 100, 10_000)
    bench.do(guards(2, caller_daily_limit=699))
    assert bench.authorize("early", parties=ANNA).reserved == 600  # the other has not joined yet
    bench.settle("early", 0, 0, parties=ANNA)
    bench.charge("call", 110, 11_000)
    assert bench.authorize("next", parties=ANNA).guard == (699, 110, 490)
    bench.do(guards(3))
    bench.settle("call", 300, 30_000, parties=ANNA)
    bench.do(guards(4, caller_daily_limit=300))
    assert bench.authorize("next", parties=ANNA).guard == (300, 300, 0)


def test_a_caller_is_forgotten_when_its_days_are_over_and_it_holds_nothing() -> None:
    bench = Bench(balance=MONEY, caller_daily_limit=700)
    bench.authorize("call", parties=ANNA)
    bench.settle("call", 100, 60_000, parties=ANNA)
    assert bench.shard.leases["anna", "#+1555"] == NOON_MS + 86_400_000
    for days, deed in ((1, SweepDeed.RESCHEDULED), (2, SweepDeed.FORGOTTEN)):
        bench.now_ms = NOON_MS + days * 86_400_000
        assert bench.sweep("#+1555") == deed
    assert not bench.shard.callers.kept


def test_a_call_without_cost_ends_by_its_length_too() -> None:
    bench = Bench(balance=0, call_length_limit_ms=30_000)
    bench.authorize("call", target=0, min_start=0, burn=0)
    told = [bench.charge("call", 0, elapsed) for elapsed in (1_000, 10_000, 30_000)]
    assert [(each.directive, each.valid_for_ms) for each in told] == [
        (Directive.WARN, 29_000),
        (Directive.FINISH, 20_000),
        (Directive.HANG_UP, 0),
    ]


def test_the_shortest_start_is_held_even_when_the_longest_call_is_cheaper() -> None:
    bench = Bench(balance=MONEY, call_length_limit_ms=5_000)
    assert bench.authorize("call").reserved == 100
    assert bench.authorize("dear", min_start=400).reserved == 400
