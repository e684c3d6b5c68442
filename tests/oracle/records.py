"""What a shard keeps, as plain mutable records: accounts, calls and debits."""

from dataclasses import dataclass, field
from fractions import Fraction
from typing import NamedTuple

from quota.decision import Reason, State
from quota.operation import NONE


class Config(NamedTuple):
    """The durations (ms) and the bound of the outbox that every batch carries."""

    lease_ms: int = 60_000
    grace_ms: int = 15_000
    late_window_ms: int = 3_600_000
    retention_ms: int = 600_000
    reserve_ms: int = 60_000
    low_water_ms: int = 20_000
    min_start_ms: int = 10_000
    max_outbox: int = 1_000


@dataclass
class Account:
    """One tenant's funds, bounds and profile."""

    balance: int
    credit_limit: int
    daily_cap: int
    call_cost_limit: int
    concurrent_calls: int
    low_balance_threshold: int
    suspended: int
    version: int
    profile_version: int
    profile: str
    reserved: int = 0
    unposted: int = 0
    active_calls: int = 0
    low_sent: bool = False
    exhausted_sent: bool = False
    cap_sent_on: str = ""
    calls_per_minute: int = NONE
    caller_daily_limit: int = NONE
    call_length_limit_ms: int = NONE
    starts: Fraction = Fraction(0)  # of the last minute, as of `starts_at_ms`
    starts_at_ms: int = 0

    @property
    def available(self) -> int:
        """What no reservation holds yet."""
        return self.balance + self.credit_limit - self.reserved


@dataclass
class Call:
    """One call record."""

    state: State
    pin: str
    model: str
    parties: bytes
    assistant_id: str
    fee: int
    burn: int
    free_ms: int
    authorized_at_ms: int
    lease_until_ms: int
    counted: bool
    elapsed_ms: int = NONE
    gross: int = 0
    weight: int = 0
    usage: bytes = b""
    rated: int = 0
    charged: int = 0
    overrun: int = 0
    reserved: int = 0
    spend_by_day: dict[str, int] = field(default_factory=dict)
    ended: bool = False
    refused: Reason = Reason.NONE
    joined: bool = False  # it counts with its caller
    digest: bytes = b""
    times: bytes = b""
    outcome: int = 0
    n: int = 0
    confirmed: bool = False

    @property
    def free(self) -> bool:
        """Whether the call can cost nothing per second."""
        return self.burn == 0


@dataclass
class Debit:
    """A debit kept so that a repeat is known."""

    amount: int
    taken: int
    digest: bytes
    n: int
    confirmed: bool = False


@dataclass
class Caller:
    """What the calls of one caller hold and were charged by day, once one of them joined."""

    reserved: int = 0
    spend: dict[str, int] = field(default_factory=dict)
    changed: bool = False

    def hold(self, amount: int) -> None:
        """Adds to what is held; a negative amount gives back."""
        self.reserved += amount
        self.changed = self.changed or amount != 0

    def pay(self, day: str, amount: int) -> None:
        """Adds to what was charged on a day; a negative amount gives back."""
        if amount:
            self.spend[day] = self.spend.get(day, 0) + amount
            self.changed = True

    def copy(self) -> "Caller":
        """Another one with the same numbers."""
        return Caller(self.reserved, dict(self.spend))
