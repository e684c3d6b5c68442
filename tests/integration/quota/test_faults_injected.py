"""An error at each `redis.call` of the batch: nothing is changed, or the shard is known as torn."""

import re
from typing import Any

import pytest
from redis import Redis

from quota import keys, script
from quota.batch import Status
from quota.decision import Code, SweepDeed
from quota.operation import (
    KINDS,
    NONE,
    Apply,
    Authorize,
    Charge,
    Confirm,
    Day,
    Debit,
    End,
    Load,
    LookAccount,
    LookCall,
    LookGrant,
    Operation,
    Repair,
    Settle,
    Sweep,
    debit_key,
)
from server.embedded import EmbeddedValkey
from tests.integration.quota import store_samples as samples
from tests.integration.quota.guarded_script import (
    CALL,
    GuardedShard,
    Step,
    failing_once,
    sites,
)
from tests.integration.quota.store_samples import START_BALANCE, accepted, bench_on, client_on
from tests.oracle.histories import START_MS, dates_around
from tests.oracle.records import Config

DATES = dates_around(START_MS)
TODAY = Day(DATES[1], START_MS + 12 * 3_600_000, DATES[2])
LATER_MS = START_MS + Config().retention_ms + 1_000
WRITES = {"HSET", "HDEL", "ZADD", "ZREM", "XADD", "XTRIM"}
TEARING = [
    site
    for site, text in enumerate(sites())
    if text.startswith(("command, key, unpack(flat", "'XADD'", "'XTRIM'", "'HSET', KEY.EPOCH, 'n'"))
]
READS = {"TIME", "HGET", "HMGET", "ZMSCORE", "ZCARD", "XLEN"}


def load(tenant: str) -> Load:
    """A tenant that has spent something today."""
    spent = ((DATES[1], 5),)
    return Load(tenant, 1, 100_000, 0, NONE, NONE, NONE, NONE, 0, 1, "p", spent)


def authorize(call_id: str, tenant: str = "anna") -> Authorize:
    """Asks for 60 s at 10 micros/s."""
    return Authorize(
        tenant, call_id, 1, TODAY, "pin", "omni", b"p", "", 600, 100, 0, 10, 0, 0, 0, 0, b"", NONE,
        3_000,
    )  # fmt: skip


def charge(call_id: str, total: int) -> Charge:
    """Reports a total after 10 s."""
    return Charge("anna", call_id, 1, TODAY, "pin", "omni", total, total, b"u", 10_000, 3_000)


def settle(call_id: str, total: int) -> Settle:
    """Closes a call with a total."""
    return Settle(
        "anna", call_id, 1, TODAY, "pin", "omni", total, total, b"u", 10_000, 3_000, b"p", "",
        b"digest", b"times", 1, 0, 0,
    )  # fmt: skip


EARLIER: list[Operation] = [
    load("anna"),
    load("bert"),
    load("dora")._replace(caller_daily_limit=1_000, calls_per_minute=60),
    *(authorize(call_id) for call_id in ("silent", "one", "two", "three")),
    Debit("anna", debit_key("old"), 10, b"d", b""),
    Confirm("anna", debit_key("old"), 1, 10, 0),
    Debit("anna", debit_key("older"), 10, b"d", b""),
]
BATCH: list[Operation] = [
    Repair("bert", 1, 1, 100_000, 7),
    load("cleo"),
    authorize("guarded", "dora"),
    Apply("anna", 2, 50, 0, 0, NONE, NONE, NONE, NONE, 0, ""),
    authorize("new"),
    charge("one", 100),
    settle("two", 200),
    End("anna", "three"),
    Sweep("anna", "silent"),
    Sweep("anna", debit_key("old")),
    Debit("anna", debit_key("new"), 10, b"d", b""),
    Confirm("anna", debit_key("older"), 2, 10, 0),
    LookAccount("anna"),
    LookCall("anna", "one"),
    LookGrant("anna", "one", 1, TODAY),
]
# More names than one command takes, so that reads and writes go in portions.
CROWD = [f"tenant-{number}" for number in range(501)]
MANY: list[Operation] = [*(load(tenant) for tenant in CROWD), *(authorize("c", t) for t in CROWD)]


@pytest.fixture
def shard(history_redis: Redis) -> GuardedShard:
    """A shard on which every operation of BATCH has something to do."""
    guarded = GuardedShard(history_redis, DATES)
    reply = guarded.send(EARLIER, START_MS)
    assert {result.code for result in reply.results} == {Code.OK}
    return guarded


def steps_of(shard: GuardedShard, operations: list[Operation]) -> list[Step]:
    """What an undisturbed batch calls; the shard is put back afterwards."""
    before = shard.picture()
    reply = shard.send(operations, LATER_MS)
    assert {result.code for result in reply.results} == {Code.OK}
    steps = shard.steps()
    shard.restore(before)
    return steps


def assert_safe(shard: GuardedShard, operations: list[Operation], steps: list[Step]) -> None:
    """Whatever step fails: before the first write nothing changed, after it the shard is torn."""
    before = shard.picture()
    wrote = False
    for step in steps:
        error = shard.error_of(operations, LATER_MS, (step.site, step.turn))
        assert "injected" in error
        assert shard.torn is wrote, step
        if wrote:
            torn = shard.picture()
            reply = shard.send(operations, LATER_MS)
            assert (reply.status, reply.results) == (Status.TORN, []), step
            assert shard.picture() == torn, step
            shard.restore(before)
        else:
            assert shard.picture() == before, step
            assert shard.send([], LATER_MS).status is Status.DECIDED, step
        wrote = wrote or step.command in WRITES
    assert wrote


def test_the_batch_holds_every_kind_and_meets_every_call(shard: GuardedShard) -> None:
    assert {type(operation) for operation in BATCH} == set(KINDS)
    steps = steps_of(shard, BATCH)
    assert {step.site for step in steps} == set(range(len(sites())))
    assert {step.command for step in steps} == WRITES | READS
    reply = shard.send(BATCH, LATER_MS)
    assert [reply.results[8], reply.results[9]] == [
        (Code.OK, SweepDeed.EXPIRED, 0),
        (Code.OK, SweepDeed.FORGOTTEN, 0),
    ]


def test_an_error_at_any_call_changes_nothing_or_tears_the_shard(shard: GuardedShard) -> None:
    assert_safe(shard, BATCH, steps_of(shard, BATCH))


def test_an_error_in_any_portion_changes_nothing_or_tears_the_shard(shard: GuardedShard) -> None:
    steps = steps_of(shard, MANY)
    assert max(step.turn for step in steps) > 4
    assert_safe(shard, MANY, steps)


@pytest.mark.parametrize("position", range(len(BATCH)))
def test_an_error_at_any_call_of_one_operation_alone_is_safe(
    shard: GuardedShard, position: int
) -> None:
    operation = BATCH[position]
    steps = steps_of(shard, [operation])
    if isinstance(operation, LookAccount | LookCall | LookGrant):
        assert not {step.command for step in steps} & WRITES
    else:
        assert_safe(shard, [operation], steps)


def test_the_first_write_says_torn_and_the_last_takes_it_back(shard: GuardedShard) -> None:
    for operations in (BATCH, MANY):
        writes = [step for step in steps_of(shard, operations) if step.command in WRITES]
        assert writes[0].key == writes[-1].key == keys.key(0, "epoch")
        assert all(step.key != keys.key(0, "epoch") for step in writes[1:-1])


def test_after_the_first_write_nothing_is_read(shard: GuardedShard) -> None:
    for operations in (BATCH, MANY):
        commands = [step.command for step in steps_of(shard, operations)]
        first = next(i for i, command in enumerate(commands) if command in WRITES)
        assert set(commands[:first]) <= READS
        assert set(commands[first:]) <= WRITES


def test_only_declared_keys_are_used(shard: GuardedShard) -> None:
    for operations in (BATCH, MANY, []):
        used = {step.key for step in steps_of_any(shard, operations)}
        assert used <= {*shard.keys, ""}


def steps_of_any(shard: GuardedShard, operations: list[Operation]) -> list[Step]:
    """The steps of a batch that may be empty."""
    shard.send(operations, LATER_MS)
    return shard.steps()


def test_every_call_names_its_key_by_a_word_bound_to_the_declared_ones() -> None:
    words = r"'TIME'\)|'\w+', KEY\.(EPOCH|LEASES|OUTBOX|CALLS)\b|command, key\b"
    assert all(re.match(words, text) for text in sites()), sites()
    text = script.parts()
    assert text.count("redis.") == text.count(CALL) + text.count("redis.pcall('SPUBLISH', CHANNEL,")
    given = re.findall(r"(?<!function )(?:read_each|write_flat)\(('\w+'|command), ([^,]+),", text)
    given += re.findall(r"(?<!function )(write_records)\(([^,]+),", text)
    assert len(given) >= 8
    assert {name for _, name in given} <= {
        "KEY.ACCOUNTS", "KEY.CALLS", "KEY.LEASES", "key",
    }  # fmt: skip
    assert "tollgate" not in text


@pytest.mark.parametrize("number", range(5))
@pytest.mark.parametrize(
    "operations", [BATCH, *([each] for each in BATCH)], ids=lambda each: type(each[-1]).__name__
)
def test_a_key_of_another_type_fails_before_the_first_write_or_is_not_touched(
    shard: GuardedShard, operations: list[Operation], number: int, history_redis: Any
) -> None:
    name = shard.keys[number]
    history_redis.delete(name)
    history_redis.set(name, "not what it was")
    before = shard.picture()
    error = shard.error_of(operations, LATER_MS)
    if error:
        assert "WRONGTYPE" in error
        assert shard.picture() == before
    else:
        assert operations is not BATCH
        assert not shard.torn
        assert shard.picture()[name.encode()] == before[name.encode()]


@pytest.mark.parametrize("site", range(len(sites())))
async def test_a_line_rides_out_an_error_at_any_call(own_valkey: EmbeddedValkey, site: int) -> None:
    async with bench_on(own_valkey.url) as bench, client_on(own_valkey.url) as client:
        await client.function_load(failing_once())
        await bench.ask(LookAccount("anna"))
        await client.fcall("arm", 0, site)
        results = await bench.ask(
            samples.load(caller_daily_limit=1_000),
            samples.debit(1, 10),
            Confirm("anna", debit_key("1"), 1, 10, 0),
            samples.authorize("call"),
        )
        assert accepted(results.pop()).reserved == 600
        assert results == [(Code.OK, 0, 0), (Code.OK, 1, START_BALANCE - 10), (Code.OK, 0, 0)]
        assert (await bench.account()).balance == START_BALANCE - 10
        torn = [state for state in bench.keeper.asked if state.torn]
        assert len(torn) == bench.keeper.rebuilt - 1 == (1 if site in TEARING else 0)
        assert await client.fcall("arm", 0, -1) is None  # it did fail
        assert (bench.line.last_n, bench.line.posted_n) == (1, 1)
