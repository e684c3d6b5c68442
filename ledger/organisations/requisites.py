"""What a Russian legal entity is known by, checked field by field; a pure module.

`check_<field>` returns what is wrong with one field, or None, so that a form can ask while it is
filled in; `check` returns everything that is wrong at once. Sources: the tax service's order
ММВ-7-6/435@ on INN and KPP, the Bank of Russia's order 515 on the check digit of accounts.
"""

import re
from dataclasses import dataclass, fields
from typing import NamedTuple

from stdnum.ru import inn as inn_number

MAX_NAME = 200
MAX_ADDRESS = 300
MAX_EMAIL = 254
# What any field of a draft may hold at most.
MAX_DRAFT_TEXT = 300

# Digits are [0-9]: str.isdigit also takes "²" and the digits of other scripts.
_INN = re.compile(r"[0-9]{10}|[0-9]{12}")
_KPP = re.compile(r"[0-9]{4}[0-9A-Z]{2}[0-9]{3}")
_BIK = re.compile(r"[0-9]{9}")
_ACCOUNT = re.compile(r"[0-9]{5}[0-9ABCEHKMPTX][0-9]{14}")
_EMAIL = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]([A-Za-z0-9-]{0,61}[A-Za-z0-9])"
)
_ACCOUNT_WEIGHTS = (7, 1, 3)
_CURRENCY_LETTERS = "ABCEHKMPTX"
_TREASURY = "03"
# Accounts that a unit of the Bank of Russia keeps: their key starts from the unit's number.
_CORRESPONDENT, _SINGLE_TREASURY = "30101", "40102"
_BANK_OF_RUSSIA_BIKS = ("000", "001", "002")


class Fault(NamedTuple):
    """What is wrong with a field; `must` says what it must be, as the end of a sentence."""

    field: str
    reason: str
    must: str


@dataclass(frozen=True, slots=True)
class Requisites:
    """A legal entity's name and numbers, as they are printed on documents."""

    name: str = ""
    inn: str = ""
    kpp: str = ""
    legal_address: str = ""
    settlement_account: str = ""
    bik: str = ""
    email: str = ""


FIELDS = tuple(field.name for field in fields(Requisites))


def check(requisites: Requisites) -> tuple[Fault, ...]:
    """Everything that keeps the requisites off a document, in the order of the fields."""
    found = (
        check_name(requisites.name),
        check_inn(requisites.inn),
        check_kpp(requisites.kpp, requisites.inn),
        check_legal_address(requisites.legal_address),
        check_account("settlement_account", requisites.settlement_account, requisites.bik),
        check_bik(requisites.bik),
        check_email(requisites.email),
    )
    return tuple(fault for fault in found if fault is not None)


def check_draft(requisites: Requisites) -> tuple[Fault, ...]:
    """What not even a draft may hold: it has a name, and texts that can be shown."""
    found = [check_name(requisites.name)]
    for field in FIELDS[1:]:
        value = getattr(requisites, field)
        if len(value) > MAX_DRAFT_TEXT or not value.isprintable():
            must = f"must be at most {MAX_DRAFT_TEXT} printable characters"
            found.append(Fault(field, "TEXT_FORM", must))
    return tuple(fault for fault in found if fault is not None)


def check_name(name: str) -> Fault | None:
    """A name is a readable text."""
    return _check_text("name", name, MAX_NAME)


def check_legal_address(address: str) -> Fault | None:
    """An address is a readable text."""
    return _check_text("legal_address", address, MAX_ADDRESS)


def check_inn(inn: str) -> Fault | None:
    """An INN has 10 digits for a company and 12 for a person; the last one or two are a check."""
    if not inn:
        return _missing("inn", "must be given: 10 digits for a company, 12 for an entrepreneur")
    if not _INN.fullmatch(inn):
        must = "must be 10 digits for a company or 12 for an entrepreneur, without spaces"
        return Fault("inn", "INN_FORM", must)
    if not inn.strip("0"):
        return Fault("inn", "INN_FORM", "must not be all zeros")
    if not inn_number.is_valid(inn):
        last = "its last digit does" if len(inn) == 10 else "its last two digits do"
        must = f"must be a real INN: {last} not fit the others, so there is a misprint"
        return Fault("inn", "INN_CHECKSUM", must)
    return None


def check_kpp(kpp: str, inn: str) -> Fault | None:
    """A company has a KPP, an entrepreneur has none."""
    is_company, is_person = _has_digits(inn, 10), _has_digits(inn, 12)
    if not kpp:
        must = "must be given with an INN of 10 digits"
        return _missing("kpp", must) if is_company else None
    if is_person:
        must = "must be empty with an INN of 12 digits: entrepreneurs have no KPP"
        return Fault("kpp", "KPP_NOT_ALLOWED", must)
    if not _KPP.fullmatch(kpp) or not kpp.strip("0"):
        must = "must be 9 characters: digits, where the 5th and 6th may be Latin capitals"
        return Fault("kpp", "KPP_FORM", must)
    return None


def check_bik(bik: str) -> Fault | None:
    """A BIK has nine digits and no check digit."""
    if not bik:
        return _missing("bik", "must be given: 9 digits")
    if not _BIK.fullmatch(bik) or not bik.strip("0"):
        return Fault("bik", "BIK_FORM", "must be 9 digits, not all zeros")
    return None


def check_account(field: str, account: str, bik: str) -> Fault | None:
    """An account has 20 characters; with its bank's BIK, one of them is a check digit.

    With a BIK that is malformed, only the form is checked.
    """
    if not account:
        return _missing(field, "must be given: 20 digits")
    if not _ACCOUNT.fullmatch(account) or not account.strip("0"):
        must = "must be 20 digits without spaces, where the 6th may be a letter of ABCEHKMPTX"
        return Fault(field, "ACCOUNT_FORM", must)
    if check_bik(bik) is None and not account_fits_bik(account, bik):
        must = (
            "must belong to the bank of the BIK: its check digit does not fit, "
            "so one of the two has a misprint"
        )
        return Fault(field, "ACCOUNT_CHECKSUM", must)
    return None


def account_fits_bik(account: str, bik: str) -> bool:
    """Whether the check digit of a well-formed account fits a well-formed BIK; the treasury's
    accounts have none.
    """
    if account.startswith(_TREASURY):
        return True
    by_unit = account.startswith((_CORRESPONDENT, _SINGLE_TREASURY))
    prefix = "0" + bik[4:6] if by_unit or bik.endswith(_BANK_OF_RUSSIA_BIKS) else bik[-3:]
    total = sum(
        _digit(character) * _ACCOUNT_WEIGHTS[place % 3] % 10
        for place, character in enumerate(prefix + account)
    )
    return total % 10 == 0


def check_email(email: str) -> Fault | None:
    """One plain address; nothing that could end a header."""
    if not email:
        return _missing("email", "must be given: documents are sent there")
    if len(email) > MAX_EMAIL or not _EMAIL.fullmatch(email):
        must = "must be one e-mail address in Latin letters, such as buh@example.ru"
        return Fault("email", "EMAIL_FORM", must)
    return None


def _check_text(field: str, value: str, longest: int) -> Fault | None:
    if not value.strip():
        return _missing(field, f"must be given: 1 to {longest} characters")
    if len(value) > longest or not value.isprintable():
        return Fault(field, "TEXT_FORM", f"must be 1 to {longest} printable characters")
    return None


def _missing(field: str, must: str) -> Fault:
    return Fault(field, "REQUIRED", must)


def _has_digits(inn: str, length: int) -> bool:
    return len(inn) == length and _INN.fullmatch(inn) is not None


def _digit(character: str) -> int:
    if character in _CURRENCY_LETTERS:
        return _CURRENCY_LETTERS.index(character)
    return int(character)
