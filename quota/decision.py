"""What the script answers, as values without I/O: codes, reasons, directives and results.

Results come back in the order of these fields. The script holds the same numbers; a test
compares them.
"""

from enum import IntEnum
from typing import NamedTuple


class Code(IntEnum):
    """How an operation ended. Everything but OK changed nothing."""

    OK = 0
    NOT_LOADED = 1  # the account is not in Redis: load it and ask again
    STALE_PROFILE = 2  # the tenant's profile changed: result carries the account's
    CALL_MISSING = 3  # no such call record
    PIN_MISMATCH = 4  # rated with another tariff: result carries the pinned one
    KEY_REUSED = 5  # the same key with other content
    OUTBOX_FULL = 6  # too many settlements wait for the ledger
    INSUFFICIENT = 7  # a debit above what is available
    VERSION_GAP = 8  # earlier changes of the tenant are missing: result carries the applied one
    OUTDATED = 9  # a repair whose reading no longer holds, or a confirmation out of order
    BAD_FORM = 10  # a field is not what it must be
    CORRUPT = 11  # a stored record cannot be read
    CLOCK = 12  # the caller's day is not one of the days around the store's clock
    OUT_OF_MEMORY = 13  # the store is full; only authorizes are turned away


class State(IntEnum):
    """Where a record is in its life."""

    AUTHORIZED = 1
    ACTIVE = 2
    EXPIRED = 3
    SETTLED = 4
    DEBITED = 5  # not a call: a debit kept for repeats
    CALLER = 6  # not a call: what the calls of one caller hold and were charged


class Reason(IntEnum):
    """Why an Authorize was refused, in order of precedence."""

    NONE = 0
    UNKNOWN_TENANT = 1  # never from the script: the ledger does not know the tenant
    TENANT_SUSPENDED = 2
    UNKNOWN_MODEL = 3
    CALL_ALREADY_SETTLED = 4
    INSUFFICIENT_BALANCE = 5
    DAILY_CAP_REACHED = 6
    CALL_COST_LIMIT = 7
    TOO_MANY_CONCURRENT_CALLS = 8
    CALLER_LIMIT = 9
    RATE_LIMITED = 10


class Directive(IntEnum):
    """What the gateway must do."""

    CONTINUE = 1
    WARN = 2
    FINISH = 3
    HANG_UP = 4
    REAUTHORIZE = 5  # never from the script: nobody holds the call


class Event(IntEnum):
    """The kinds of outbox entries."""

    SETTLED = 1
    DEBITED = 2
    LOW_BALANCE = 3
    BALANCE_EXHAUSTED = 4
    DAILY_CAP_REACHED = 5
    DAILY_CAP_LIFTED = 6


class Change(IntEnum):
    """What the script tells the processes that serve the calls concerned."""

    RAISED = 1  # more money, or a higher limit
    LOWERED = 2  # less money, a lower limit, or the tenant was suspended
    ENDED = 3  # an operator's hang-up


class SweepDeed(IntEnum):
    """What a sweep of one lease entry did."""

    RESCHEDULED = 0
    EXPIRED = 1
    CLOSED = 2  # settled as incomplete
    FORGOTTEN = 3


class CallResult(NamedTuple):
    """The answer to Authorize, Charge, Settle and End when the code is OK."""

    code: int
    reason: int
    directive: int
    state: int
    reserved: int
    left_ms: int
    valid_for_ms: int
    rated: int
    charged: int
    overrun: int
    n: int  # outbox number of the settlement; 0 when not settled
    pin: str
    usage: bytes  # the last accepted usage
    known: int  # 1 when the call was there before (a repeat, or lower usage than accepted)
    # The next five explain a refusal, and are 0 without one.
    available: int
    reserved_by_others: int
    daily_cap: int
    spend_today: int
    day_end_ms: int
    # The next two are told of a settled call.
    outcome: int
    spend_by_day: tuple[tuple[str, int], ...]
    model: str
    # What explains a refusal by a guard. CALLER_LIMIT: the limit, what the caller's calls were
    # charged today, and what its other calls hold. RATE_LIMITED: the calls per minute, and after
    # how many ms one may start (NONE: never).
    guard: tuple[int, ...]


class AccountView(NamedTuple):
    """One account, with the numbers as of which it was read."""

    code: int
    balance: int
    unposted: int
    reserved: int
    active_calls: int
    credit_limit: int
    daily_cap: int
    call_cost_limit: int
    concurrent_calls: int
    low_balance_threshold: int
    suspended: int
    version: int
    profile_version: int
    profile: str
    posted_n: int
    spend_by_day: tuple[tuple[str, int], ...]
    calls_per_minute: int
    caller_daily_limit: int
    call_length_limit_ms: int


class CallView(NamedTuple):
    """One call record."""

    code: int
    state: int
    pin: str
    model: str
    parties: bytes
    assistant_id: str
    authorized_at_ms: int
    lease_until_ms: int
    elapsed_ms: int
    reserved: int
    rated: int
    charged: int
    overrun: int
    usage: bytes
    spend_by_day: tuple[tuple[str, int], ...]
    times: bytes
    outcome: int
    n: int


class Refused(NamedTuple):
    """Any other answer: the code, and what helps to ask again.

    STALE_PROFILE: (profile_version, profile). PIN_MISMATCH: (pin, model). VERSION_GAP: (applied
    version,). BAD_FORM: (field,).
    """

    code: int
    detail: tuple[int | str, ...]
