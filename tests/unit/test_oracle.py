"""The oracle on its own: its promises over random histories, and examples worked out by hand."""

from collections.abc import Iterator
from typing import Any

import pytest

from quota.batch import Result, Simple
from quota.decision import (
    AccountView,
    CallResult,
    CallView,
    Code,
    Directive,
    Event,
    Reason,
    State,
    SweepDeed,
)
from quota.operation import (
    NONE,
    Apply,
    Authorize,
    Charge,
    Confirm,
    Day,
    Debit,
    Load,
    LookAccount,
    LookCall,
    Operation,
    Settle,
    Sweep,
    Verdict,
)
from quota.outbox import CrossingEntry
from tests.oracle.coverage import Coverage, event_of
from tests.oracle.histories import Batch, dates_around, generate
from tests.oracle.invariants import invariants
from tests.oracle.records import Config
from tests.oracle.shard import OracleShard

NOON_MS = 1_772_366_400_000  # 2026-03-01 12:00 UTC
MIDNIGHT_MS = NOON_MS + 12 * 3_600_000
TODAY = Day("20260301", MIDNIGHT_MS, "20260302")


class Bench:
    """A shard with one tenant, whose clock is moved by hand. A second costs 10 micros."""

    def __init__(self, **account: Any) -> None:
        self.shard = OracleShard(Config())
        self.now_ms = NOON_MS
        loaded = Load("anna", 1, 0, 0, NONE, NONE, NONE, NONE, 0, 1, "p", ())
        self.do(loaded._replace(**account))

    def do(self, operation: Operation) -> Result:
        """Decides one operation now."""
        return self.shard.apply([operation], self.now_ms, dates_around(self.now_ms))[0]

    def call(self, operation: Operation) -> CallResult:
        """Decides one operation that must succeed on a call."""
        result = self.do(operation)
        assert isinstance(result, CallResult)
        return result

    def authorize(self, call_id: str, **fields: Any) -> CallResult:
        """Asks for 60 s at 10 micros/s; 10 s must fit."""
        operation = Authorize(
            "anna", call_id, 1, TODAY, "pin", "omni", b"p", "", 600, 100, 0, 10, 0, 0, 0, 0, b"",
            NONE, 3_000,
        )  # fmt: skip
        return self.call(operation._replace(**fields))

    def charge(self, call_id: str, total: int, elapsed_ms: int, **fields: Any) -> CallResult:
        """Reports a total."""
        operation = Charge(
            "anna", call_id, 1, TODAY, "pin", "omni", total, total, b"u", elapsed_ms, 3_000
        )
        return self.call(operation._replace(**fields))

    def settle(self, call_id: str, total: int, elapsed_ms: int, **fields: Any) -> CallResult:
        """Closes a call with a total."""
        operation = Settle(
            "anna", call_id, 1, TODAY, "pin", "omni", total, total, b"u", elapsed_ms, 3_000,
            b"p", "", b"digest", b"times", 1, 0, 0,
        )  # fmt: skip
        return self.call(operation._replace(**fields))

    def sweep(self, call_id: str) -> SweepDeed:
        """Sweeps one member."""
        result = self.do(Sweep("anna", call_id))
        assert isinstance(result, Simple)
        return SweepDeed(result.number)

    @property
    def account(self) -> AccountView:
        """The tenant's account."""
        view = self.do(LookAccount("anna"))
        assert isinstance(view, AccountView)
        return view

    def record(self, call_id: str) -> CallView:
        """One call's record."""
        view = self.do(LookCall("anna", call_id))
        assert isinstance(view, CallView)
        return view

    def spent(self, day: str) -> int:
        """What the tenant was charged on a day."""
        return self.shard.spend.get(day, {}).get("anna", 0)


def replay(batches: tuple[Batch, ...], shard: OracleShard) -> Iterator[tuple[Batch, list[Result]]]:
    """Plays a history on a fresh shard."""
    for batch in batches:
        shard.unreadable -= set(batch.heal)
        shard.unreadable |= set(batch.spoil)
        yield batch, shard.apply(batch.operations, batch.now_ms, batch.dates)


def test_every_promise_holds_over_random_histories_that_meet_every_answer() -> None:
    coverage = Coverage()
    for seed in range(200):
        history = generate(seed)
        shard = OracleShard(history.config)
        for batch, results in replay(history.batches, shard):
            assert invariants(shard) == [], f"seed {seed}"
            coverage.add(batch.operations, results)
            coverage.add_entries(shard.outbox)
    assert coverage.missing() == []


def test_a_history_is_made_again_by_its_seed() -> None:
    assert repr(generate(7)) == repr(generate(7))


def test_exactly_as_many_reservations_fit_as_the_balance_holds() -> None:
    bench = Bench(balance=600 * 3 + 99)
    answers = [bench.authorize(f"call-{number}") for number in range(5)]
    assert [answer.reserved for answer in answers] == [600, 600, 600, 0, 0]
    assert answers[2].directive == Directive.CONTINUE
    assert answers[2].left_ms == 60_000
    assert answers[3].reason == Reason.INSUFFICIENT_BALANCE
    assert (answers[3].available, answers[3].reserved_by_others) == (99, 1_800)
    assert bench.account.active_calls == 3


def test_what_fits_is_reserved_when_the_target_does_not() -> None:
    bench = Bench(balance=750)
    bench.authorize("whole")
    partial = bench.authorize("partial")
    assert (partial.reserved, partial.directive) == (150, Directive.FINISH)
    assert partial.left_ms == partial.valid_for_ms == 15_000


def test_the_daily_cap_counts_spend_and_reservations() -> None:
    bench = Bench(balance=10_000, daily_cap=1_000, spend_by_day=(("20260301", 350),))
    assert bench.authorize("first").reserved == 600
    assert bench.authorize("second").reason == Reason.DAILY_CAP_REACHED


def test_the_free_period_holds_money_and_charges_none() -> None:
    bench = Bench(balance=1_000)
    bench.authorize("call", fee=50, target=650, min_start=150)
    within = bench.charge("call", 70, 2_999)
    # 70 would fall due at 3 s: it does not count as time that is left
    assert (within.charged, within.reserved, within.left_ms) == (0, 650, 58_000)
    after = bench.charge("call", 70, 3_000)
    assert (after.charged, after.reserved, after.left_ms) == (70, 580, 58_000)


def test_a_call_settled_within_the_free_period_leaves_no_trace() -> None:
    bench = Bench(balance=1_000)
    bench.authorize("call")
    settled = bench.settle("call", 70, 2_999)
    assert (settled.charged, settled.n, settled.reserved) == (0, 1, 0)
    assert (bench.account.balance, bench.spent("20260301")) == (1_000, 0)


def test_what_nothing_covers_is_overrun() -> None:
    bench = Bench(balance=700)
    bench.authorize("call")
    answer = bench.charge("call", 750, 60_000)
    assert (answer.rated, answer.charged, answer.overrun) == (750, 700, 50)
    assert (answer.directive, answer.reserved) == (Directive.HANG_UP, 0)
    assert bench.account.balance == 0


def test_an_overrun_is_never_charged_later() -> None:
    bench = Bench(balance=700)
    bench.authorize("call")
    bench.charge("call", 750, 60_000)
    bench.do(Apply("anna", 2, 1_000, 0, 0, 0, 0, 0, 0, 0, ""))
    answer = bench.charge("call", 760, 61_000)
    assert (answer.charged, answer.overrun) == (710, 50)


def test_a_low_reservation_is_filled_up_at_the_calls_own_pace() -> None:
    bench = Bench(balance=10_000)
    bench.authorize("call")
    # 20 micros/s: 400 left are at the mark of 20 s, one micro less is below it
    assert bench.charge("call", 200, 10_000).reserved == 400
    assert bench.charge("call", 201, 10_000).reserved == 1_260  # ⌈20.1⌉ micros/s, 60 s


def test_usage_below_what_is_known_is_a_heartbeat() -> None:
    bench = Bench(balance=1_000)
    bench.authorize("call")
    bench.charge("call", 200, 20_000)
    bench.now_ms += 5_000
    lower = bench.charge("call", 150, 25_000)
    assert (lower.charged, lower.known, lower.code) == (200, 1, Code.OK)
    assert bench.record("call").lease_until_ms == bench.now_ms + 60_000


def test_a_correction_comes_off_overrun_first_and_then_off_what_was_charged() -> None:
    bench = Bench(balance=700)
    bench.authorize("call")
    bench.charge("call", 750, 60_000)
    settled = bench.settle("call", 620, 60_000, corrects_usage=1)
    assert (settled.rated, settled.charged, settled.overrun) == (620, 620, 0)
    assert (bench.account.balance, bench.account.unposted) == (80, 620)
    assert bench.spent("20260301") == 620


def test_without_a_correction_lower_final_usage_changes_nothing() -> None:
    bench = Bench(balance=700)
    bench.authorize("call")
    bench.charge("call", 300, 30_000)
    settled = bench.settle("call", 200, 30_000)
    assert (settled.rated, settled.charged) == (300, 300)


def test_a_correction_is_charged_when_the_free_period_ended_since_the_last_report() -> None:
    bench = Bench(balance=700)
    bench.authorize("call")
    assert bench.charge("call", 300, 2_000).charged == 0
    settled = bench.settle("call", 200, 5_000, corrects_usage=1)
    assert (settled.rated, settled.charged) == (200, 200)


def test_a_refused_call_is_not_extended_by_its_reports_until_it_is_accepted() -> None:
    bench = Bench(balance=5_000, concurrent_calls=1)
    bench.authorize("first")
    usage = {"has_usage": 1, "total": 100, "weight": 1, "elapsed_ms": 10_000}
    refused = bench.authorize("second", **usage)
    assert (refused.reason, refused.charged) == (Reason.TOO_MANY_CONCURRENT_CALLS, 100)
    report = bench.charge("second", 150, 15_000)
    assert (report.directive, report.reserved, report.charged) == (Directive.HANG_UP, 0, 150)
    bench.settle("first", 0, 0)
    accepted = bench.authorize("second", **usage)
    assert (accepted.reason, accepted.reserved) == (Reason.NONE, 600)


def test_a_charge_belongs_to_the_day_on_which_it_is_applied() -> None:
    bench = Bench(balance=10_000)
    bench.now_ms = MIDNIGHT_MS - 1
    bench.authorize("call")
    bench.charge("call", 200, 20_000)
    bench.now_ms = MIDNIGHT_MS
    bench.charge("call", 250, 25_000)
    assert (bench.spent("20260301"), bench.spent("20260302")) == (200, 50)
    settled = bench.settle("call", 250, 25_000)
    assert settled.spend_by_day == (("20260301", 200), ("20260302", 50))


def test_a_correction_takes_off_only_what_was_spent_today() -> None:
    bench = Bench(balance=10_000)
    bench.now_ms = MIDNIGHT_MS - 1
    bench.authorize("call")
    bench.charge("call", 200, 20_000)
    bench.now_ms = MIDNIGHT_MS
    bench.charge("call", 250, 25_000)
    settled = bench.settle("call", 100, 25_000, corrects_usage=1)
    assert (settled.charged, bench.account.balance) == (100, 9_900)
    assert (bench.spent("20260301"), bench.spent("20260302")) == (200, 0)


def test_a_silent_call_expires_and_its_late_usage_is_charged_until_it_is_closed() -> None:
    bench = Bench(balance=1_000)
    bench.authorize("call")
    bench.now_ms += 74_999
    assert bench.sweep("call") == SweepDeed.RESCHEDULED
    bench.now_ms += 1
    assert bench.sweep("call") == SweepDeed.EXPIRED
    assert (bench.account.reserved, bench.account.active_calls) == (0, 0)
    late = bench.charge("call", 300, 30_000)
    assert (late.charged, late.directive, late.state) == (300, Directive.HANG_UP, State.EXPIRED)
    bench.now_ms += 3_600_000
    assert bench.sweep("call") == SweepDeed.CLOSED
    closed = bench.charge("call", 400, 40_000)
    assert (closed.charged, closed.outcome, closed.usage) == (300, 6, late.usage)
    assert bench.settle("call", 300, 40_000).outcome == 6


def test_a_repeated_settle_returns_the_first_result() -> None:
    bench = Bench(balance=1_000)
    bench.authorize("call")
    first = bench.settle("call", 300, 30_000)
    again = bench.settle("call", 300, 30_000)
    assert again == first._replace(known=1)
    with pytest.raises(AssertionError):
        bench.settle("call", 300, 30_000, digest=b"other")
    assert bench.account.unposted == 300


def test_a_returned_charge_goes_back_to_balance_and_spend() -> None:
    bench = Bench(balance=1_000)
    bench.authorize("call")
    bench.settle("call", 300, 30_000)
    bench.do(Confirm("anna", "call", 1, 300, Verdict.RETURNED))
    assert (bench.account.balance, bench.account.unposted) == (1_000, 0)
    assert bench.spent("20260301") == 0


def test_a_debit_takes_only_what_is_available() -> None:
    bench = Bench(balance=1_000)
    bench.authorize("call")
    assert bench.do(Debit("anna", "!1", 401, b"d", b"")).code == Code.INSUFFICIENT
    assert bench.do(Debit("anna", "!1", 400, b"d", b"")).code == Code.OK
    assert bench.do(Debit("anna", "!1", 400, b"e", b"")).code == Code.KEY_REUSED
    assert (bench.account.balance, bench.account.unposted) == (600, 400)


def test_crossings_are_told_once_and_before_the_settlement() -> None:
    bench = Bench(balance=700, low_balance_threshold=500)
    bench.authorize("call")
    bench.charge("call", 250, 25_000)
    bench.settle("call", 680, 70_000)
    events = [event_of(entry) for entry in bench.shard.outbox]
    assert events == [Event.LOW_BALANCE, Event.BALANCE_EXHAUSTED, Event.SETTLED]


def low_balances(bench: Bench) -> int:
    """How often the low balance was told."""
    return [event_of(entry) for entry in bench.shard.outbox].count(Event.LOW_BALANCE)


def take(bench: Bench, key: str, amount: int) -> None:
    """Takes money by a debit."""
    assert bench.do(Debit("anna", key, amount, b"d", b"")).code == Code.OK


def test_a_balance_that_swings_around_its_threshold_is_told_of_once() -> None:
    bench = Bench(balance=510, low_balance_threshold=500)
    take(bench, "!1", 20)
    for version in range(2, 6):  # to 550 each time, a tenth above and no more
        balance = bench.account.balance
        bench.do(Apply("anna", version, 550 - balance, 0, 0, 0, 0, 0, 0, 0, ""))
        take(bench, f"!{version}", 60)
    assert low_balances(bench) == 1
    bench.do(Apply("anna", 6, 61, 0, 0, 0, 0, 0, 0, 0, ""))
    take(bench, "!6", 60)
    assert low_balances(bench) == 2


def test_what_comes_back_by_corrections_and_returns_does_not_arm_the_low_balance_again() -> None:
    bench = Bench(balance=1_000, low_balance_threshold=500)
    for number in range(1, 3):
        bench.authorize(f"call-{number}")
        bench.charge(f"call-{number}", 600, 60_000)
        n = bench.settle(f"call-{number}", 0, 60_000, corrects_usage=1).n
        assert (bench.account.balance, low_balances(bench)) == (1_000, 1)
        assert n == number + 1
    bench.authorize("posted")
    n = bench.settle("posted", 600, 60_000).n
    for entry in range(1, n):
        bench.do(Confirm("anna", "", entry, 0, Verdict.POSTED))
    bench.do(Confirm("anna", "posted", n, 600, Verdict.RETURNED))
    assert bench.account.balance == 1_000
    take(bench, "!1", 600)
    assert low_balances(bench) == 0  # the first was confirmed and is gone; there is no second


def test_another_threshold_is_another_line() -> None:
    bench = Bench(balance=600, low_balance_threshold=500)
    take(bench, "!1", 200)
    bench.do(Apply("anna", 2, 0, 1, 0, NONE, NONE, NONE, 300, 0, ""))
    take(bench, "!2", 101)
    assert low_balances(bench) == 2


def cap_events(bench: Bench) -> list[tuple[Event, int, int]]:
    """What was told of the daily cap: event, spend, cap."""
    crossings = [entry for entry in bench.shard.outbox if isinstance(entry, CrossingEntry)]
    return [(entry.event, entry.value, entry.line) for entry in crossings]


def with_cap(version: int, cap: int) -> Apply:
    """A change to another daily cap."""
    return Apply("anna", version, 0, 1, 0, cap, NONE, NONE, NONE, 0, "")


def test_a_cap_that_is_raised_above_what_was_spent_is_told_as_lifted_at_once() -> None:
    bench = Bench(balance=10_000, daily_cap=300)
    bench.authorize("call")
    bench.charge("call", 300, 30_000)
    bench.do(with_cap(2, 200))
    bench.do(with_cap(3, 300))
    assert cap_events(bench) == [(Event.DAILY_CAP_REACHED, 300, 300)]
    bench.do(with_cap(4, 301))
    assert cap_events(bench)[1:] == [(Event.DAILY_CAP_LIFTED, 300, 301)]
    bench.charge("call", 301, 30_000)
    assert cap_events(bench)[2:] == [(Event.DAILY_CAP_REACHED, 301, 301)]
    bench.do(with_cap(5, NONE))
    assert cap_events(bench)[3:] == [(Event.DAILY_CAP_LIFTED, 301, NONE)]


def test_a_cap_is_told_as_lifted_by_the_first_money_of_another_day() -> None:
    bench = Bench(balance=10_000, daily_cap=300)
    bench.now_ms = MIDNIGHT_MS - 1
    bench.authorize("call")
    bench.charge("call", 300, 30_000)
    bench.now_ms = MIDNIGHT_MS
    bench.charge("call", 300, 31_000)
    assert cap_events(bench)[1:] == []
    bench.charge("call", 320, 32_000)
    bench.charge("call", 340, 34_000)
    assert cap_events(bench)[1:] == [(Event.DAILY_CAP_LIFTED, 20, 300)]


def test_what_comes_back_does_not_lift_a_cap() -> None:
    bench = Bench(balance=10_000, daily_cap=300)
    bench.authorize("call")
    bench.charge("call", 300, 30_000)
    bench.settle("call", 100, 30_000, corrects_usage=1)
    bench.authorize("next")
    bench.charge("next", 200, 30_000)
    assert [event for event, *_ in cap_events(bench)] == [Event.DAILY_CAP_REACHED]
