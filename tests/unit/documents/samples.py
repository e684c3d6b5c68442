"""Requisites that pass every check, and documents made of them."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

from ledger.documents.document import Charges, Contents, Kind, Terms
from ledger.documents.month import Month
from ledger.documents.seller import Seller
from ledger.organisations.requisites import Requisites

COMPANY = Requisites(
    name="ООО «Наковальня»",
    inn="7707083893",
    kpp="770701001",
    legal_address="117312, г. Москва, ул. Примерная, д. 1",
    settlement_account="40702810938000000001",
    bik="044525225",
    email="buh@example.ru",
)
ENTREPRENEUR = replace(COMPANY, name="ИП Образцов О. О.", inn="500100732259", kpp="")
# The product's own sample: its INN and its account are placeholders.
SAMPLE = replace(
    COMPANY,
    name="ООО «ТехноМастер»",
    inn="7701234567",
    settlement_account="40702810500000012345",
)
SELLER = Seller(
    name="ООО «Голосовые линии»",
    inn="7707083893",
    kpp="770701001",
    address="101000, г. Москва, пер. Типовой, д. 2",
    account="40702810200000000001",
    bik="044525225",
    bank="Банк «Пример», г. Москва",
    correspondent_account="30101810400000000225",
)
TERMS = Terms(SELLER, None)
MARCH = Charges(Month(2026, 3), 57_500_000, "USD", Decimal("91.2345"))


def invoice(**fields: Any) -> Contents:
    """An invoice over 15,000 roubles with VAT."""
    contents = Contents(
        kind=Kind.INVOICE,
        number=17,
        dated=date(2026, 11, 25),
        seller=SELLER,
        customer=COMPANY,
        amount_kopecks=1_500_000,
        vat_percent=20,
        vat_kopecks=250_000,
        charges=None,
    )
    return replace(contents, **fields)


def act(**fields: Any) -> Contents:
    """The act of the product's example month, without VAT."""
    values: dict[str, Any] = {
        "kind": Kind.ACT,
        "number": 3,
        "dated": date(2026, 3, 31),
        "amount_kopecks": 524_598,
        "vat_percent": None,
        "vat_kopecks": None,
        "charges": MARCH,
    }
    return invoice(**(values | fields))
