"""What a shard's outbox holds and what becomes of it, as values without I/O.

Every entry carries its outbox number `n`, and the tenant it is for.
"""

from collections.abc import Mapping
from datetime import datetime
from enum import IntEnum
from typing import Any, NamedTuple


class SettledCall(NamedTuple):
    """A closed call. `cost` is itemised and sums to `rated_micros`; amounts are micros.

    `spend_by_day` holds (YYYYMMDD, micros). `settle_digest` names the content of the Settle that
    closed the call, and is empty when none did. `settled_at` is when the live store closed it;
    times that the gateway did not give are None. `direction` and `outcome` are the numbers of
    the contract.
    """

    n: int
    tenant: str
    call_id: str
    model: str
    tariff: str
    tariff_version: int
    analytics: bool
    caller: str
    callee: str
    direction: int
    assistant_id: str
    authorized_at: datetime | None
    started_at: datetime | None
    answered_at: datetime | None
    ended_at: datetime | None
    settled_at: datetime
    outcome: int
    elapsed_ms: int | None
    usage: Mapping[str, int]
    cost: tuple[tuple[str, int], ...]
    rated_micros: int
    charged_micros: int
    overrun_micros: int
    spend_by_day: tuple[tuple[str, int], ...]
    settle_digest: bytes


class PostedDebit(NamedTuple):
    """Money taken from a tenant by hand; `digest` names the content a repeat must have."""

    n: int
    tenant: str
    request_id: str
    digest: bytes
    amount_micros: int
    reason: str


class ForcedReturn(NamedTuple):
    """What a forced return found in the live store: `amount_micros`, maybe nothing. `request_id`
    names the return, `digest` the content a repeat must have.
    """

    n: int
    tenant: str
    request_id: str
    digest: bytes
    amount_micros: int


class Crossing(NamedTuple):
    """A line that a tenant crossed: `kind` is one of `CROSSINGS`."""

    n: int
    tenant: str
    kind: str
    at: datetime
    value_micros: int
    line_micros: int | None


class Aside(NamedTuple):
    """An entry that must not be posted and waits for an operator. `payload` is JSON's."""

    n: int
    tenant: str
    call_id: str
    why: str
    payload: Mapping[str, Any]


Entry = SettledCall | PostedDebit | ForcedReturn | Crossing | Aside

CROSSINGS = frozenset({"low_balance", "balance_exhausted", "daily_cap_reached", "daily_cap_lifted"})


class Deed(IntEnum):
    """What the ledger did with an entry."""

    POSTED = 0
    RETURNED = 1  # found posted already by another entry: the charge goes back to the tenant
    ASIDE = 2  # waits for an operator


class Verdict(NamedTuple):
    """What became of entry `n`. `same_content` is False when the call or request was found
    posted with other content, which is an alarm.
    """

    n: int
    deed: Deed
    same_content: bool = True
