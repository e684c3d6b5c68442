"""The callers of a shard, and which calls count with them."""

from collections.abc import Sequence

from quota.operation import NONE
from tests.oracle.guards import caller_of
from tests.oracle.records import Account, Call, Caller
from tests.oracle.till import Till

Key = tuple[str, str]  # tenant; # and number


class Callers:
    """Keeps a caller from when it first counts anything until it is forgotten."""

    def __init__(self) -> None:
        self.kept: dict[Key, Caller] = {}
        self.joins = False  # whether the operation that is decided joined a call that held or cost
        self._met: dict[Key, Caller] = {}

    def begin(self) -> None:
        """Another operation."""
        self._met, self.joins = {}, False

    def copy(self) -> None:
        """What follows within this operation changes nothing."""
        self._met = {key: caller.copy() for key, caller in self.kept.items()}

    def keep(self) -> list[Key]:
        """Keeps whoever counts something for the first time, and tells who that is."""
        new = [key for key, caller in self._met.items() if caller.changed and key not in self.kept]
        self.kept |= {key: self._met[key] for key in new}
        return new

    def joined(self, tenant: str, call: Call) -> Caller | None:
        """The caller that a call counts with."""
        return self._meet(tenant, caller_of(call.parties) or "") if call.joined else None

    def open_to(self, tenant: str, parties: bytes, account: Account) -> Caller | None:
        """The caller that calls of these parties count with now."""
        number = caller_of(parties)
        if number is None or account.caller_daily_limit == NONE:
            return None
        return self._meet(tenant, number)

    def join(self, tenant: str, till: Till) -> None:
        """From its first message under a limit on a call counts, with what it holds and cost."""
        call = till.call
        if call.joined:
            return
        till.caller = self.open_to(tenant, call.parties, till.account)
        if till.caller is not None:
            call.joined = True
            till.caller.hold(call.reserved)
            till.caller.pay(till.today, call.spend_by_day.get(till.today, 0))
            self.joins = call.reserved > 0 or till.today in call.spend_by_day

    def counts(self, key: Key, dates: Sequence[str]) -> bool:
        """Whether a caller's calls hold anything, or cost anything on a day that may be today."""
        caller = self.kept[key]
        return caller.reserved != 0 or any(caller.spend.get(day) for day in dates)

    def bound(self, tenant: str, account: Account, today: str) -> int:
        """The least room of the tenant's callers, never above 0."""
        limit = account.caller_daily_limit
        callers = [caller for key, caller in self.kept.items() if key[0] == tenant]
        held = [caller.spend.get(today, 0) + caller.reserved for caller in callers]
        return 0 if limit == NONE else min([0, *(limit - each for each in held)])

    def _meet(self, tenant: str, number: str) -> Caller:
        key = (tenant, f"#{number}")
        if key not in self._met:
            self._met[key] = self.kept.get(key) or Caller()
        return self._met[key]
