"""Histories by hand where random ones seldom land: on a bound to the micro, and in big batches."""

from typing import Any

import pytest
from redis import Redis

from quota import keys
from quota.batch import Status
from quota.decision import CallResult
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
    Operation,
    Settle,
    Sweep,
    debit_key,
)
from tests.oracle.histories import START_MS, Batch, History, dates_around
from tests.oracle.lockstep import first_difference
from tests.oracle.real import RealShard
from tests.oracle.records import Config

TODAY = Day("20260301", START_MS + 12 * 3_600_000, "20260302")
LOAD = Load("anna", 1, 1_000, 0, NONE, NONE, NONE, NONE, 0, 1, "p", ())
CREDIT = Apply("anna", 2, 0, 0, 0, NONE, NONE, NONE, NONE, 0, "")


def debit(number: int, amount: int) -> Debit:
    """Takes an amount."""
    return Debit("anna", debit_key(str(number)), amount, b"d", b"")


def authorize(call_id: str, tenant: str = "anna") -> Authorize:
    """Asks for 60 s at 10 micros/s."""
    return Authorize(
        tenant, call_id, 1, TODAY, "pin", "omni", b"p", "", 600, 100, 0, 10, 0, 0, 0, 0, b"", NONE,
        3_000,
    )  # fmt: skip


def charge(call_id: str, total: int, elapsed_ms: int, tenant: str = "anna") -> Charge:
    """Reports a total."""
    return Charge(tenant, call_id, 1, TODAY, "pin", "omni", total, total, b"u", elapsed_ms, 3_000)


def settle(call_id: str, total: int) -> Settle:
    """Closes a call with a total after a minute."""
    return Settle(
        "anna", call_id, 1, TODAY, "pin", "omni", total, total, b"u", 60_000, 3_000, b"p", "",
        b"d", b"t", 1, 0, 0,
    )  # fmt: skip


def assert_alike(redis: Redis, *moments: tuple[int, list[Operation]]) -> None:
    """Plays operations at moments after the start on both sides."""
    batches = [
        Batch(START_MS + after_ms, dates_around(START_MS + after_ms), tuple(operations))
        for after_ms, operations in moments
    ]
    history = History(0, Config(), tuple(batches))
    assert str(first_difference(history, RealShard(redis, history.config))) == "None"


def test_low_balance_is_armed_again_more_than_a_tenth_above_its_threshold(
    history_redis: Redis,
) -> None:
    load = LOAD._replace(low_balance_threshold=500)
    assert_alike(
        history_redis,
        (0, [load, debit(1, 600), CREDIT._replace(credit=150), debit(2, 51)]),
        (1, [CREDIT._replace(version=3, credit=52), debit(3, 52)]),
    )


def test_exhaustion_is_armed_again_only_above_zero(history_redis: Redis) -> None:
    at_zero = CREDIT._replace(credit=5, has_settings=1, credit_limit=5)
    above = CREDIT._replace(version=3, credit=1)
    assert_alike(
        history_redis,
        (0, [LOAD._replace(balance=5, credit_limit=10), debit(1, 15)]),
        (1, [at_zero, debit(2, 0), above, debit(3, 1)]),
    )


def test_the_cap_is_reached_when_less_than_a_start_is_left(history_redis: Redis) -> None:
    load = LOAD._replace(balance=10_000, daily_cap=1_000)
    reports: list[Operation] = [charge("call", total, 4_000) for total in (899, 900, 901, 902)]
    assert_alike(history_redis, (0, [load, authorize("call")]), (1, reports))


def test_a_cap_is_lifted_only_above_what_was_spent(history_redis: Redis) -> None:
    cap = CREDIT._replace(credit=0, has_settings=1)
    assert_alike(
        history_redis,
        (0, [LOAD._replace(balance=10_000, daily_cap=1_000), authorize("call")]),
        (1, [charge("call", 1_000, 90_000), cap._replace(daily_cap=999)]),
        (2, [cap._replace(version=3, daily_cap=1_000), charge("call", 1_001, 90_000)]),
        (3, [cap._replace(version=4, daily_cap=1_001), charge("call", 1_001, 90_000)]),
        (4, [cap._replace(version=5, daily_cap=NONE)]),
    )


def test_a_start_waits_to_the_millisecond(history_redis: Redis) -> None:
    load = LOAD._replace(calls_per_minute=7, balance=10**9)
    starts: list[Operation] = [authorize(f"call-{number}") for number in range(8)]
    assert_alike(
        history_redis,
        (0, [load, *starts]),
        (8_571, [authorize("next")]),  # 60,000 / 7 is 8,571.4
        (8_572, [authorize("next"), authorize("last")]),
        (-3_600_000, [authorize("after the clock was set back")]),
    )


def test_a_lower_rate_takes_over_no_more_starts_than_it_allows(history_redis: Redis) -> None:
    load = LOAD._replace(calls_per_minute=100, balance=10**9)
    starts: list[Operation] = [authorize(f"call-{number}") for number in range(100)]
    lower = CREDIT._replace(credit=0, has_settings=1, calls_per_minute=6)
    assert_alike(
        history_redis,
        (0, [load, *starts]),
        (1, [lower, authorize("early")]),
        (10_001, [authorize("after ten seconds"), authorize("soon")]),
    )


def test_a_caller_that_cannot_be_read_begins_anew(history_redis: Any) -> None:
    real, dates = RealShard(history_redis, Config()), dates_around(START_MS)
    real.apply([LOAD._replace(balance=10_000, caller_daily_limit=700)], START_MS, dates)
    first, refused = real.apply([authorize("one"), authorize("two")], START_MS, dates)
    assert isinstance(first, CallResult)
    assert isinstance(refused, CallResult)
    assert (first.reserved, refused.reserved) == (600, 100)
    history_redis.hset(keys.key(0, "calls"), "anna/#", b"\x06junk")
    settled, again = real.apply([settle("one", 600), authorize("three")], START_MS, dates)
    assert isinstance(settled, CallResult)
    assert isinstance(again, CallResult)
    assert (settled.charged, again.reserved) == (600, 100)
    assert real.stored().callers[("anna", "#")] == (100, {dates[1]: 600})


def test_a_done_debit_is_forgotten_at_the_end_of_its_retention(history_redis: Redis) -> None:
    sweep = Sweep("anna", debit_key("1"))
    confirm = Confirm("anna", debit_key("1"), 1, 10, 0)
    assert_alike(
        history_redis,
        (0, [LOAD, debit(1, 10)]),
        (5, [confirm]),
        (600_005, [sweep]),
        (600_006, [sweep]),
    )


def test_a_batch_of_thousands_is_decided_like_small_ones(history_redis: Redis) -> None:
    tenants = [f"tenant-{number}" for number in range(1_100)]
    loads: list[Operation] = [LOAD._replace(tenant=tenant) for tenant in tenants]
    starts: list[Operation] = [authorize(c, t) for t in tenants for c in ("one", "two")]
    reports: list[Operation] = [charge(c, 50, 4_000, t) for t in tenants for c in ("one", "two")]
    assert_alike(history_redis, (0, [*loads, *starts]), (5, [*reports, *starts]))


def test_a_batch_of_another_epoch_changes_nothing(history_redis: Redis) -> None:
    real = RealShard(history_redis, Config())
    dates = dates_around(START_MS)
    reply = real.send([LOAD], START_MS, dates, epoch="2")
    assert (reply.status, reply.stored_epoch, reply.results) == (Status.OTHER_EPOCH, "1", [])
    assert real.stored().records == set()
    [looked] = real.apply([LookAccount("anna")], START_MS, dates)
    assert looked.code != 0


@pytest.mark.parametrize(
    ("damage", "status", "stored_epoch"),
    [("lost", Status.OTHER_EPOCH, "0"), ("torn", Status.TORN, "")],
)
def test_a_lost_or_torn_shard_decides_nothing(
    history_redis: Redis, damage: str, status: Status, stored_epoch: str
) -> None:
    real = RealShard(history_redis, Config())
    epoch = keys.key(0, "epoch")
    if damage == "lost":
        history_redis.delete(epoch)
    else:
        history_redis.hset(epoch, "torn", "1")
    reply = real.send([LOAD], START_MS, dates_around(START_MS))
    assert (reply.status, reply.stored_epoch) == (status, stored_epoch)
    assert history_redis.hlen(keys.key(0, "accounts")) == 0


def test_a_batch_leaves_the_shard_untorn(history_redis: Redis) -> None:
    real = RealShard(history_redis, Config())
    real.apply([LOAD], START_MS, dates_around(START_MS))
    assert real.stored().torn == "0"
