"""What the history is filtered by, as addresses and forms say it."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from server.console.visit import Visit
from tollgate.v1 import history_pb2 as history

TYPES = {
    "top-up": history.TRANSACTION_TYPE_TOP_UP,
    "calls": history.TRANSACTION_TYPE_CALLS,
    "analytics": history.TRANSACTION_TYPE_ANALYTICS,
    "adjustment": history.TRANSACTION_TYPE_ADJUSTMENT,
    "refund": history.TRANSACTION_TYPE_REFUND,
}
STATUSES = {
    "succeeded": history.TRANSACTION_STATUS_SUCCEEDED,
    "pending": history.TRANSACTION_STATUS_PENDING,
    "failed": history.TRANSACTION_STATUS_FAILED,
    "refunded": history.TRANSACTION_STATUS_REFUNDED,
    "disputed": history.TRANSACTION_STATUS_DISPUTED,
}


class Choice(NamedTuple):
    """The filters; empty ones choose everything."""

    first: str
    last: str
    type: str
    status: str

    @classmethod
    def of(cls, visit: Visit) -> "Choice":
        """What the address says; names that are none choose everything."""
        query = visit.query
        kind, status = query.get("type", ""), query.get("status", "")
        return cls(
            query.get("first", ""),
            query.get("last", ""),
            kind if kind in TYPES else "",
            status if status in STATUSES else "",
        )

    @property
    def is_everything(self) -> bool:
        """Whether nothing is filtered."""
        return not any(self)

    def query(self) -> Mapping[str, str]:
        """The filters as an address carries them."""
        return {name: value for name, value in self._asdict().items() if value}

    def fields(self) -> dict[str, Any]:
        """The filters as a request carries them."""
        return {
            "first_day": self.first,
            "last_day": self.last,
            "types": [TYPES[self.type]] if self.type else [],
            "statuses": [STATUSES[self.status]] if self.status else [],
        }
