"""The seller as the settings TOLLGATE_SELLER_* describe it: what is missing, what cannot be."""

from ledger.documents.document import Terms
from ledger.documents.seller import Seller, seller_faults
from server.errors import FailedPrecondition

PREFIX = "TOLLGATE_SELLER_"
MISSING = "REQUIRED"


def wrong_settings(seller: Seller) -> list[str]:
    """A sentence for every setting that is set to what cannot be."""
    return [
        f"{PREFIX}{fault.field.upper()} {fault.must}"
        for fault in seller_faults(seller)
        if fault.reason != MISSING
    ]


def missing_settings(seller: Seller) -> list[str]:
    """The settings without which no document can be issued."""
    faults = seller_faults(seller)
    return [f"{PREFIX}{fault.field.upper()}" for fault in faults if fault.reason == MISSING]


def terms_of(seller: Seller, vat_percent: int | None) -> Terms:
    """What documents say of the seller. Raises FailedPrecondition, which names the settings."""
    missing = missing_settings(seller)
    if missing:
        names = ", ".join(missing)
        text = f"the server does not know who sells: its operator must set {names}"
        raise FailedPrecondition("SELLER_UNKNOWN", text, {"settings": names})
    return Terms(seller, vat_percent)
