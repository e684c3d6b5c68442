"""What providers have told of a top-up, gathered so that the order of telling does not matter.

Every fact only ever grows: joining is commutative, associative and idempotent, so duplicates and
reordered events converge. State and money follow from the facts alone.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any, NamedTuple


class State(StrEnum):
    """Where a top-up is in its life."""

    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    EXPIRED = "expired"
    REFUNDED = "refunded"
    DISPUTED = "disputed"


class Refund(NamedTuple):
    """One refund of `minor` units; one that failed or was cancelled took nothing after all."""

    minor: int
    failed: bool = False


class Dispute(NamedTuple):
    """One dispute over `minor` units. Fields are in the order in which a report outranks another:
    a closed one outranks an open one, then the later (`at`, seconds of the provider's clock).
    """

    closed: bool
    at: int
    lost: bool
    minor: int

    @property
    def takes_minor(self) -> int:
        """What the provider holds back for it."""
        return 0 if self.closed and not self.lost else self.minor


@dataclass(frozen=True, slots=True)
class Facts:
    """`refunded_minor` is the highest total that was told; single refunds are known by id too."""

    paid: bool = False
    failed: bool = False
    expired: bool = False
    refunded_minor: int = 0
    refunds: Mapping[str, Refund] = field(default_factory=dict)
    disputes: Mapping[str, Dispute] = field(default_factory=dict)

    def joined(self, other: "Facts") -> "Facts":
        """What both know together."""
        return Facts(
            self.paid or other.paid,
            self.failed or other.failed,
            self.expired or other.expired,
            max(self.refunded_minor, other.refunded_minor),
            _union(self.refunds, other.refunds, _join_refunds),
            _union(self.disputes, other.disputes, max),
        )

    @property
    def refunds_minor(self) -> int:
        """What refunds took, in minor units of what was paid."""
        failed = sum(refund.minor for refund in self.refunds.values() if refund.failed)
        single = sum(refund.minor for refund in self.refunds.values() if not refund.failed)
        return max(self.refunded_minor - failed, single)

    def out_minor(self, pay_minor: int) -> int:
        """What the provider took back or holds back, of a payment of `pay_minor`."""
        if not self.paid:
            return 0
        held = sum(dispute.takes_minor for dispute in self.disputes.values())
        return min(pay_minor, self.refunds_minor + held)

    def state(self, pay_minor: int) -> State:
        """Where a top-up of which this is known stands."""
        if not self.paid:
            if self.failed:
                return State.FAILED
            return State.EXPIRED if self.expired else State.PENDING
        if any(dispute.takes_minor for dispute in self.disputes.values()):
            return State.DISPUTED
        return State.REFUNDED if self.refunds_minor >= pay_minor else State.SUCCEEDED

    def to_document(self) -> dict[str, Any]:
        """The facts in values that JSON can hold."""
        return asdict(self)

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> "Facts":
        """The inverse of `to_document`."""
        facts = cls(**document)
        return replace(
            facts,
            refunds={name: Refund(*each) for name, each in facts.refunds.items()},
            disputes={name: Dispute(*each) for name, each in facts.disputes.items()},
        )


def _join_refunds(reports: Iterable[Refund]) -> Refund:
    known = list(reports)
    return Refund(max(each.minor for each in known), any(each.failed for each in known))


def _union(one: Mapping[str, Any], other: Mapping[str, Any], join: Any) -> dict[str, Any]:
    joined = dict(one)
    for name, report in other.items():
        joined[name] = join((joined[name], report)) if name in joined else report
    return joined
