"""The seller: who the installation's documents come from, and where it is paid."""

from dataclasses import dataclass

from ledger.organisations.requisites import (
    Fault,
    check_account,
    check_bik,
    check_inn,
    check_kpp,
    check_legal_address,
    check_name,
)

MAX_BANK_NAME = 200


@dataclass(frozen=True, slots=True)
class Seller:
    """The requisites that every document shows, complete and sound: see `seller_faults`."""

    name: str
    inn: str
    kpp: str
    address: str
    account: str
    bik: str
    bank: str
    correspondent_account: str


def seller_faults(seller: Seller) -> tuple[Fault, ...]:
    """Everything that is wrong or missing, by the names of the fields."""
    address, bank = check_legal_address(seller.address), _check_bank(seller.bank)
    found = (
        check_name(seller.name),
        check_inn(seller.inn),
        check_kpp(seller.kpp, seller.inn),
        address and address._replace(field="address"),
        check_account("account", seller.account, seller.bik),
        check_bik(seller.bik),
        bank,
        check_account("correspondent_account", seller.correspondent_account, seller.bik),
    )
    return tuple(fault for fault in found if fault is not None)


def _check_bank(bank: str) -> Fault | None:
    if not bank.strip():
        return Fault("bank", "REQUIRED", f"must be given: 1 to {MAX_BANK_NAME} characters")
    if len(bank) > MAX_BANK_NAME or not bank.isprintable():
        return Fault("bank", "TEXT_FORM", f"must be 1 to {MAX_BANK_NAME} printable characters")
    return None
