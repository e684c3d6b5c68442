"""What a settled call cost."""

from collections.abc import Mapping
from dataclasses import dataclass

from tollgate.v1 import call_authorization_pb2 as pb
from tollgate_client.words import Outcome


@dataclass(frozen=True, slots=True)
class Bill:
    """A call as the ledger has it. Amounts are in micros of the tenant's currency."""

    rated_micros: int
    charged_micros: int
    overrun_micros: int
    cost: Mapping[str, int]
    spend_by_day: Mapping[str, int]
    tariff_version: str
    outcome: Outcome

    @classmethod
    def of(cls, reply: pb.SettleResponse) -> "Bill":
        """The bill that a POSTED settlement carries."""
        return cls(
            reply.rated_micros,
            reply.charged_micros,
            reply.overrun_micros,
            {part.component: part.amount_micros for part in reply.cost},
            {each.day: each.amount_micros for each in reply.spend_by_day},
            reply.tariff_version,
            Outcome(reply.outcome),
        )
