"""A document as a value: what is printed on it, and what is kept beside."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, NamedTuple

from ledger.documents.month import Month
from ledger.documents.seller import Seller
from ledger.organisations.requisites import Requisites


class Kind(StrEnum):
    """What a document is."""

    INVOICE = "invoice"
    ACT = "act"


class Terms(NamedTuple):
    """Who sells, and the VAT that its prices include; None for none."""

    seller: Seller
    vat_percent: int | None


class Charges(NamedTuple):
    """What an act is about: the charges of a month in micros of the tenant's currency, and the
    roubles for one unit of it on the month's last day.
    """

    month: Month
    amount_micros: int
    currency: str
    rate: Decimal


@dataclass(frozen=True, slots=True)
class Contents:
    """Everything that is printed on a document. Only an act has `charges`."""

    kind: Kind
    number: int
    dated: date
    seller: Seller
    customer: Requisites
    amount_kopecks: int
    vat_percent: int | None
    vat_kopecks: int | None
    charges: Charges | None


@dataclass(frozen=True, slots=True)
class Document:
    """A document that was issued; its PDF is read apart. `n` orders them by issue.

    It is sent to `email`; `sent_at` is None until it was.
    """

    id: str
    n: int
    tenant: str
    organisation: str
    contents: Contents
    top_up: str | None
    email: str
    pdf_sha256: bytes
    issued_at: datetime
    sent_at: datetime | None

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> "Document":
        """One row of the table."""
        contents = Contents(
            kind=Kind(row["kind"]),
            seller=Seller(**row["seller"]),
            customer=Requisites(**row["customer"]),
            charges=_charges(row),
            **{name: row[name] for name in _PLAIN},
        )
        own = {name: row[name] for name in cls.__slots__ if name != "contents"}
        return cls(contents=contents, **own)


_PLAIN = ("number", "dated", "amount_kopecks", "vat_percent", "vat_kopecks")


def _charges(row: Mapping[str, Any]) -> Charges | None:
    if row["month"] is None:
        return None
    month = Month.of(row["month"])
    return Charges(month, row["charged_micros"], row["currency"], row["rate"])


def columns_of(contents: Contents) -> dict[str, Any]:
    """What a row holds of the contents, by column."""
    charges = contents.charges
    return {
        "kind": str(contents.kind),
        "year": contents.dated.year,
        "seller_inn": contents.seller.inn,
        "seller": asdict(contents.seller),
        "customer": asdict(contents.customer),
        "month": charges and charges.month.first_day(),
        "charged_micros": charges and charges.amount_micros,
        "currency": charges and charges.currency,
        "rate": charges and charges.rate,
        **{name: getattr(contents, name) for name in _PLAIN},
    }
