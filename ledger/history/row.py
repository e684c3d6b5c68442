"""A row of the payment history and what is asked of it, as values without I/O."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import NamedTuple

CALLS = "calls"
ANALYTICS = "analytics"
ADJUSTMENT = "adjustment"
TOP_UP = "top_up"
RETURN = "return"
GIVE_BACK = "give_back"

PENDING = "pending"
SUCCEEDED = "succeeded"
FAILED = "failed"
REFUNDED = "refunded"
DISPUTED = "disputed"


class HistoryRow(NamedTuple):
    """One row; `amount_micros` is signed as it moves the funds, or would while it is pending.

    `key` is the request id that moved the money, or `day/kind` for a day's charges, of which
    `calls` tells how many calls it gathers. `at` is when money was moved last.
    """

    number: int
    key: str
    kind: str
    status: str
    day: date
    at: datetime
    amount_micros: int
    calls: int
    note: str
    provider: str
    details_url: str

    @property
    def gathered(self) -> bool:
        """Whether the row gathers a day's charges."""
        return self.kind in (CALLS, ANALYTICS)


class HistoryFilter(NamedTuple):
    """Which rows: days are included, None does not bound, no kinds or statuses mean all."""

    first_day: date | None = None
    last_day: date | None = None
    kinds: Sequence[str] = ()
    statuses: Sequence[str] = ()


class MonthTotals(NamedTuple):
    """A month as the ledger knows it, and the funds now, all from one moment."""

    currency: str
    ledger_micros: int
    handled: int
    tokens: int
    spent_micros: int


class NumberedRefusal(NamedTuple):
    """A refused call; the number orders them. The other fields are those of `Refusal`."""

    id: int
    at: datetime
    reason: str
    call_id: str
    model: str
    caller: str
    callee: str
    direction: int
    assistant_id: str
