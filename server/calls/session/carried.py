"""The calls that a stream speaks of, so that what changes their fate finds its way to them."""

from collections import deque
from typing import Any

from quota.shard_line import ShardLine
from server.calls.questions import CallKey
from server.calls.reports import Reports

NEVER = 0.0


class Call:
    """One call. `busy` while an operation of it is worked on, with those that wait for its answer;
    `heard_s` is when a running call was last heard of, by the loop's clock.
    """

    __slots__ = ("busy", "heard_s", "key", "line", "reports", "waiting")

    def __init__(self, key: CallKey) -> None:
        self.key, self.busy, self.heard_s = key, False, NEVER
        self.waiting: deque[Any] | None = None
        self.line: ShardLine | None = None
        self.reports: Reports | None = None

    def wait(self, item: Any) -> None:
        """Puts an operation behind the one that is worked on."""
        if self.waiting is None:
            self.waiting = deque()
        self.waiting.append(item)


class Carried:
    """Carries those calls that were heard of as running; others are known while they are busy."""

    def __init__(self) -> None:
        self.calls: dict[CallKey, Call] = {}
        self._of: dict[str, dict[str, Call]] = {}

    def call(self, key: CallKey) -> Call:
        """The call, new if it is not known."""
        call = self.calls.get(key)
        if call is None:
            call = self.calls[key] = Call(key)
            self._of.setdefault(key[0], {})[key[1]] = call
        return call

    def release(self, call: Call) -> None:
        """Nothing is worked on any more of a call that is not carried, or no longer known."""
        call.busy = False
        if call.key in self.calls:
            self._remove(call)

    def of(self, tenant_id: str) -> list[str]:
        """The running calls of a tenant."""
        calls = self._of.get(tenant_id, {})
        return [call_id for call_id, call in calls.items() if call.heard_s != NEVER]

    def holds(self, tenant_id: str, call_id: str) -> bool:
        """Whether the stream carries a call."""
        call = self.calls.get((tenant_id, call_id))
        return call is not None and call.heard_s != NEVER

    def forget(self, before_s: float) -> None:
        """Drops the calls that were not heard of since: their leases are over."""
        for call in list(self.calls.values()):
            if call.heard_s < before_s:
                call.heard_s = NEVER
                if not call.busy:
                    self._remove(call)

    def clear(self) -> None:
        """Drops all, also what waits: it knows its call, and must not wait for the collector."""
        for call in self.calls.values():
            call.waiting = None
        self.calls.clear()
        self._of.clear()

    def _remove(self, call: Call) -> None:
        tenant_id, call_id = call.key
        del self.calls[call.key]
        calls = self._of[tenant_id]
        del calls[call_id]
        if not calls:
            del self._of[tenant_id]
