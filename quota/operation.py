"""The operations that a batch may hold, as values without I/O.

Each is a tuple whose fields travel to the script in this order, packed; `kind`, `tenant` and
`key` come first in all of them. Amounts are micros (0 to 10**12), balances reach 10**15, times
are milliseconds since the Unix epoch, durations end in `_ms`. "No limit" is `NONE`.
"""

from enum import IntEnum
from typing import NamedTuple

NONE = -1
MAX_AMOUNT_MICROS = 10**12
MAX_BALANCE_MICROS = 10**15


class Kind(IntEnum):
    """Names an operation; the script holds the same numbers."""

    LOAD = 1
    APPLY = 2
    AUTHORIZE = 3
    CHARGE = 4
    SETTLE = 5
    END = 6
    SWEEP = 7
    DEBIT = 8
    CONFIRM = 9
    REPAIR = 10
    LOOK_ACCOUNT = 11
    LOOK_CALL = 12
    LOOK_GRANT = 13


class Day(NamedTuple):
    """The running day in the tenant's zone, and the one that follows when it ends.

    The script charges `day` while its own TIME is below `day_end_ms`, then `next_day`.
    """

    day: str  # YYYYMMDD
    day_end_ms: int
    next_day: str


class Load(NamedTuple):
    """Brings a tenant from the ledger; does nothing when the account is there already."""

    tenant: str
    version: int
    balance: int
    credit_limit: int
    daily_cap: int
    call_cost_limit: int
    concurrent_calls: int
    low_balance_threshold: int
    suspended: int
    profile_version: int
    profile: str
    spend_by_day: tuple[tuple[str, int], ...]
    calls_per_minute: int = NONE
    caller_daily_limit: int = NONE
    call_length_limit_ms: int = NONE


class Apply(NamedTuple):
    """Applies the tenant's change number `version`: exactly the next one, repeats are ignored.

    `credit` is added to the balance. The settings are the whole new truth when `has_settings`
    is 1. An empty `profile` keeps the old one.
    """

    tenant: str
    version: int
    credit: int
    has_settings: int
    credit_limit: int
    daily_cap: int
    call_cost_limit: int
    concurrent_calls: int
    low_balance_threshold: int
    suspended: int
    profile: str
    calls_per_minute: int = NONE
    caller_daily_limit: int = NONE
    call_length_limit_ms: int = NONE


class Authorize(NamedTuple):
    """Asks to start a call, or, with `has_usage`, to re-open one with its usage so far.

    `target` is what to reserve, `min_start` what must fit at least, `fee` the part of both that
    does not depend on time, `burn` the expected cost per second; all 0 when the call can cost
    nothing. `unknown_model` is 1 when the tariff does not price the model (then all are 0).
    `profile_version` is the one the day and the tariff were taken from. `parties` is direction,
    caller and callee with a NUL between them; the calls of one caller count together, but for
    those of direction 2, outbound.
    """

    tenant: str
    call_id: str
    profile_version: int
    day: Day
    pin: str
    model: str
    parties: bytes
    assistant_id: str
    target: int
    min_start: int
    fee: int
    burn: int
    unknown_model: int
    has_usage: int
    total: int
    weight: int
    usage: bytes
    elapsed_ms: int
    free_ms: int


class Charge(NamedTuple):
    """Reports usage. `total` is its rated cost, `weight` the sum of its quantities.

    `elapsed_ms` is NONE when the call was not answered. Below `free_ms` the total counts as 0.
    """

    tenant: str
    call_id: str
    profile_version: int
    day: Day
    pin: str
    model: str
    total: int
    weight: int
    usage: bytes
    elapsed_ms: int
    free_ms: int


class Settle(NamedTuple):
    """Closes a call. With `opens` a call that nobody holds is opened, charged and settled.

    `digest` names the content (usage and times) that a repeat must have; `outcome` and `times`
    travel to the ledger.
    """

    tenant: str
    call_id: str
    profile_version: int
    day: Day
    pin: str
    model: str
    total: int
    weight: int
    usage: bytes
    elapsed_ms: int
    free_ms: int
    parties: bytes
    assistant_id: str
    digest: bytes
    times: bytes
    outcome: int
    corrects_usage: int
    opens: int


class End(NamedTuple):
    """Stops a call by an operator's hand: nothing is extended any more."""

    tenant: str
    call_id: str


class Sweep(NamedTuple):
    """Looks whether a lease entry is due and does what is due: expire, close, forget."""

    tenant: str
    member: str  # the call id, or `debit_key(request_id)`


class Debit(NamedTuple):
    """Takes `amount` when that much is available, and queues its posting.

    `key` is `debit_key(request_id)`; `digest` names the content a repeat must have; `note`
    travels to the ledger. With `partial` 1 it takes what is available, up to the amount and be it
    nothing; the entry tells how much that was.
    """

    tenant: str
    key: str
    amount: int
    digest: bytes
    note: bytes
    partial: int = 0


class Verdict(IntEnum):
    """What the ledger did with an outbox entry."""

    POSTED = 0
    RETURNED = 1  # found posted already: the charge goes back to the tenant
    ASIDE = 2  # rating it again gave another total: it waits for an operator


class Confirm(NamedTuple):
    """Tells the shard that outbox entry `n` is done; entries are confirmed in order of n.

    `key` is the call id, the debit key, or empty for an event. `amount` is what the entry's
    call or debit had charged.
    """

    tenant: str
    key: str
    n: int
    amount: int
    verdict: int


class Repair(NamedTuple):
    """Adds `difference` to the balance if version, posted n and balance + unposted are as read."""

    tenant: str
    version: int
    posted_n: int
    live: int
    difference: int


class LookAccount(NamedTuple):
    """Reads one account."""

    tenant: str


class LookCall(NamedTuple):
    """Reads one call record."""

    tenant: str
    call_id: str


class LookGrant(NamedTuple):
    """Reads what a heartbeat of the call would answer now, and changes nothing."""

    tenant: str
    call_id: str
    profile_version: int
    day: Day


Operation = (
    Load
    | Apply
    | Authorize
    | Charge
    | Settle
    | End
    | Sweep
    | Debit
    | Confirm
    | Repair
    | LookAccount
    | LookCall
    | LookGrant
)

KINDS: dict[type, Kind] = {
    Load: Kind.LOAD,
    Apply: Kind.APPLY,
    Authorize: Kind.AUTHORIZE,
    Charge: Kind.CHARGE,
    Settle: Kind.SETTLE,
    End: Kind.END,
    Sweep: Kind.SWEEP,
    Debit: Kind.DEBIT,
    Confirm: Kind.CONFIRM,
    Repair: Kind.REPAIR,
    LookAccount: Kind.LOOK_ACCOUNT,
    LookCall: Kind.LOOK_CALL,
    LookGrant: Kind.LOOK_GRANT,
}


def debit_key(request_id: str) -> str:
    """The key under which a debit is kept among the calls; no call id can hold a `!`."""
    return "!" + request_id
