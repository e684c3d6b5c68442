"""An organisation of a tenant and what changes it, as values without I/O."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from ledger.errors import RequisitesRejected
from ledger.organisations.requisites import FIELDS, Fault, Requisites, check, check_draft


@dataclass(frozen=True, slots=True)
class Organisation:
    """A legal entity that a tenant's documents are made out to.

    A `draft` may hold requisites that cannot be: it is on no document. The `payer` is the one
    that the tenant's acts are made out to. `n` orders a tenant's organisations by creation.
    """

    id: str
    n: int
    tenant: str
    requisites: Requisites
    draft: bool
    payer: bool
    created_at: datetime
    archived_at: datetime | None

    def faults(self) -> tuple[Fault, ...]:
        """What keeps it off documents; only a draft has any."""
        return check(self.requisites) if self.draft else ()

    def changed(self, requisites: Mapping[str, str], draft: bool | None) -> "Organisation":
        """With some requisites set, as a draft or not; None keeps. Raises RequisitesRejected.

        A payer that becomes a draft is the payer no more.
        """
        after = replace(
            self,
            requisites=replace(self.requisites, **requisites),
            draft=self.draft if draft is None else draft,
        )
        require_sound(after.requisites, draft=after.draft)
        return replace(after, payer=after.payer and not after.draft)

    def to_document(self) -> dict[str, Any]:
        """The form in which the ledger keeps it with a request."""
        return asdict(self) | {
            "created_at": self.created_at.isoformat(),
            "archived_at": self.archived_at and self.archived_at.isoformat(),
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> "Organisation":
        """The opposite of to_document."""
        archived_at = document["archived_at"]
        values = dict(document) | {
            "requisites": Requisites(**document["requisites"]),
            "created_at": datetime.fromisoformat(document["created_at"]),
            "archived_at": archived_at and datetime.fromisoformat(archived_at),
        }
        return cls(**values)

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> "Organisation":
        """One row of the table."""
        own = {name: row[name] for name in cls.__slots__ if name != "requisites"}
        return cls(requisites=Requisites(**{name: row[name] for name in FIELDS}), **own)


def require_sound(requisites: Requisites, *, draft: bool) -> None:
    """Raises RequisitesRejected with everything that is wrong."""
    faults = check_draft(requisites) if draft else check(requisites)
    if faults:
        raise RequisitesRejected(faults)
