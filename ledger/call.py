"""A call as the ledger holds it, as values without I/O."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import NamedTuple


class LateUsage(NamedTuple):
    """Usage that came after a call was closed: recorded, not charged."""

    usage: Mapping[str, int]
    elapsed_ms: int | None


class PagePosition(NamedTuple):
    """Where a page of calls ended: the next one begins after this call."""

    settled_at: datetime
    call_id: str


NEWEST_CALL = PagePosition(datetime.max.replace(tzinfo=UTC), "")


class CallFilter(NamedTuple):
    """Which calls: None, an empty text and no outcomes do not bound.

    Days are those of settlement in the tenant's zone, and included. `number` is a party's.
    """

    settled_from: datetime | None = None
    settled_before: datetime | None = None
    first_day: date | None = None
    last_day: date | None = None
    model: str = ""
    assistant_id: str = ""
    number: str = ""
    outcomes: Sequence[int] = ()


@dataclass(frozen=True, slots=True)
class SettledCallRecord:
    """A settled call. The fields are those of `SettledCall`; `posted_at` is when it came here.

    `settle_digest` is empty for a call that no Settle closed. `day` is the day of the settlement
    in the tenant's zone at that moment.
    """

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
    shard: int
    epoch: int
    n: int
    posted_at: datetime
    day: date
    late_usage: LateUsage | None

    @property
    def page_position(self) -> PagePosition:
        """Where a page that ends with this call ends."""
        return PagePosition(self.settled_at, self.call_id)
