"""Counts which codes, reasons, directives, states, deeds and events a run of histories met."""

from collections import Counter
from collections.abc import Iterable
from enum import IntEnum

from quota.batch import Result, Simple
from quota.decision import CallResult, Code, Directive, Event, Reason, State, SweepDeed
from quota.operation import Operation, Sweep
from quota.outbox import CrossingEntry, DebitedEntry, OutboxEntry

NEVER: frozenset[IntEnum] = frozenset(
    {Code.OUT_OF_MEMORY, Reason.UNKNOWN_TENANT, Directive.REAUTHORIZE, State.DEBITED, State.CALLER}
)


class Coverage:
    """What was met, by name."""

    def __init__(self) -> None:
        self.met: Counter[str] = Counter()

    def add(self, operations: Iterable[Operation], results: Iterable[Result]) -> None:
        """Counts a batch."""
        for operation, result in zip(operations, results, strict=True):
            self._add_one(operation, result)

    def _add_one(self, operation: Operation, result: Result) -> None:
        name = type(operation).__name__
        self.met[_name(Code(result.code))] += 1
        self.met[f"{name}: {_name(Code(result.code))}"] += 1
        if isinstance(result, CallResult):
            self._add_call(name, result)
        if isinstance(operation, Sweep) and isinstance(result, Simple):
            self.met[_name(SweepDeed(result.number))] += 1

    def _add_call(self, name: str, result: CallResult) -> None:
        directive = _name(Directive(result.directive))
        self.met[_name(Reason(result.reason))] += 1
        self.met[directive] += 1
        self.met[f"{name}: {directive}"] += 1
        if result.state:
            self.met[_name(State(result.state))] += 1
        for name in ("known", "overrun"):
            self.met[name] += int(getattr(result, name) > 0)

    def add_entries(self, entries: Iterable[OutboxEntry]) -> None:
        """Counts outbox entries."""
        self.met.update(_name(event_of(entry)) for entry in entries)

    def missing(self) -> list[str]:
        """What a script can answer but no history met."""
        wanted = [*Code, *Reason, *Directive, *State, *Event, *SweepDeed]
        return [_name(one) for one in wanted if one not in NEVER and not self.met[_name(one)]]


def event_of(entry: OutboxEntry) -> Event:
    """The kind of an entry."""
    if isinstance(entry, CrossingEntry):
        return entry.event
    return Event.DEBITED if isinstance(entry, DebitedEntry) else Event.SETTLED


def _name(member: IntEnum) -> str:
    return f"{type(member).__name__}.{member.name}"
