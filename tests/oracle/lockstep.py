"""Plays histories on the oracle and on the real shard at once and tells the first difference."""

from collections.abc import Callable
from typing import Any, NamedTuple

from quota.batch import Result
from quota.decision import Code, Refused
from quota.operation import LookAccount, LookCall, Operation
from tests.oracle.coverage import Coverage
from tests.oracle.histories import Batch, History
from tests.oracle.real import RealShard
from tests.oracle.shard import OracleShard


class Difference(NamedTuple):
    """Where both sides part."""

    where: str
    expected: Any
    got: Any

    def __str__(self) -> str:
        return f"{self.where}\n  oracle: {self.expected}\n  real:   {self.got}"


def first_difference(
    history: History, real: RealShard, coverage: Coverage | None = None
) -> Difference | None:
    """Plays a history on both sides, batch by batch."""
    oracle = OracleShard(history.config)
    looks = looks_at(history)
    for number, batch in enumerate(history.batches):
        difference = _play(batch, oracle, real, looks, coverage)
        if difference is not None:
            return difference._replace(where=f"batch {number}, {difference.where}")
    return None


def looks_at(history: History) -> list[Operation]:
    """Reads of every account and call that a history names."""
    accounts = [LookAccount(tenant) for tenant in history.tenants]
    return [*accounts, *(LookCall(*key) for key in history.call_keys)]


def _play(
    batch: Batch,
    oracle: OracleShard,
    real: RealShard,
    looks: list[Operation],
    coverage: Coverage | None,
) -> Difference | None:
    _damage(batch, oracle, real)
    last_n = oracle.n
    operations = [*batch.operations, *looks]
    expected = oracle.apply(operations, batch.now_ms, batch.dates)
    got = real.apply(operations, batch.now_ms, batch.dates)
    if coverage is not None:
        size = len(batch.operations)
        coverage.add(batch.operations, expected[:size])
        coverage.add_entries(entry for entry in oracle.outbox if entry.n > last_n)
    for operation, mine, theirs in zip(operations, expected, got, strict=True):
        if comparable(mine) != comparable(theirs):
            return Difference(f"{operation}\n  {_fields(mine, theirs)}", mine, theirs)
    return _compare_stored(oracle, real)


def _damage(batch: Batch, oracle: OracleShard, real: RealShard) -> None:
    for key in batch.heal:
        if key in oracle.unreadable:
            oracle.unreadable.discard(key)
            real.heal(key)
    for key in batch.spoil:
        if key in oracle.records or (not key[1] and key[0] in oracle.accounts):
            oracle.unreadable.add(key)
            real.spoil(key)


def comparable(result: Result) -> object:
    """A malformed field is told by name or number; which one is not part of the rules."""
    if isinstance(result, Refused) and result.code == Code.BAD_FORM:
        return "BAD_FORM"
    return type(result), tuple(result)


def _fields(mine: Result, theirs: Result) -> str:
    if type(mine) is not type(theirs):
        return "another kind of answer"
    return ", ".join(
        f"{name}: {expected!r} against {got!r}"
        for name, expected, got in zip(mine._fields, mine, theirs, strict=True)
        if expected != got
    )


def _compare_stored(oracle: OracleShard, real: RealShard) -> Difference | None:
    stored = real.stored()
    pairs = {
        "leases": (oracle.leases, stored.leases),
        "outbox": (oracle.outbox, stored.outbox),
        "n and posted": ((oracle.n, oracle.posted), stored.numbers),
        "records": (set(oracle.records) | set(oracle.callers.kept), stored.records),
        "callers": (
            {
                key: _counted(oracle, each.reserved, each.spend)
                for key, each in oracle.callers.kept.items()
            },
            {key: _counted(oracle, *each) for key, each in stored.callers.items()},
        ),
    }
    for name, (expected, got) in pairs.items():
        if expected != got:
            return Difference(name, expected, got)
    return None


def _counted(oracle: OracleShard, reserved: int, spend: dict[str, int]) -> tuple[int, ...]:
    """What counts of a caller on the days that may be today."""
    return (reserved, *(spend.get(day, 0) for day in oracle.dates))


def shrink(history: History, fails: Callable[[History], bool]) -> History:
    """Drops batches and then operations, as long as the history still fails."""
    smaller = True
    while smaller:
        smaller = False
        for candidate in _smaller(history):
            if fails(candidate):
                history, smaller = candidate, True
                break
    return history


def _smaller(history: History) -> list[History]:
    batches = history.batches
    without = [batches[:i] + batches[i + 1 :] for i in range(len(batches))]
    for i, batch in enumerate(batches):
        for j in range(len(batch.operations)):
            operations = batch.operations[:j] + batch.operations[j + 1 :]
            less = (batch._replace(operations=operations),) if operations else ()
            without.append(batches[:i] + less + batches[i + 1 :])
    return [history._replace(batches=rest) for rest in reversed(without)]


def story(history: History) -> str:
    """A history as text."""
    lines = [f"seed {history.seed}, {history.config}"]
    for batch in history.batches:
        lines.append(f"at {batch.now_ms}, dates {batch.dates}")
        lines += [f"  heal {key}" for key in batch.heal]
        lines += [f"  spoil {key}" for key in batch.spoil]
        lines += [f"  {operation}" for operation in batch.operations]
    return "\n".join(lines)
