"""Requisites, field by field: what passes, what does not, and which reason is told."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.documents.seller import seller_faults
from ledger.organisations.requisites import (
    FIELDS,
    Fault,
    Requisites,
    account_fits_bik,
    check,
    check_account,
    check_bik,
    check_draft,
    check_email,
    check_inn,
    check_kpp,
    check_legal_address,
    check_name,
)
from tests.unit.documents.samples import COMPANY, ENTREPRENEUR, SAMPLE, SELLER

BIK = "044525225"
ACCOUNT = COMPANY.settlement_account


def reason(fault: Fault | None) -> str:
    return "" if fault is None else fault.reason


@pytest.mark.parametrize(
    ("inn", "expected"),
    [
        ("7707083893", ""),
        ("500100732259", ""),
        ("7707083894", "INN_CHECKSUM"),
        ("7701234567", "INN_CHECKSUM"),
        ("500100732269", "INN_CHECKSUM"),
        ("500100732258", "INN_CHECKSUM"),
        ("0000000000", "INN_FORM"),
        ("000000000000", "INN_FORM"),
        ("770708389", "INN_FORM"),
        ("77070838930", "INN_FORM"),
        ("7707083893 ", "INN_FORM"),
        ("7707 083893", "INN_FORM"),
        ("770708389²", "INN_FORM"),
        ("٧٧٠٧٠٨٣٨٩٣", "INN_FORM"),
        ("77О7083893", "INN_FORM"),  # a Cyrillic О
        ("7707083893\n", "INN_FORM"),
        ("-770708389", "INN_FORM"),
        ("", "REQUIRED"),
    ],
)
def test_an_inn_has_its_length_and_check_digits(inn: str, expected: str) -> None:
    assert reason(check_inn(inn)) == expected


COMPANYS, PERSONS = "7707083893", "500100732259"


@pytest.mark.parametrize(
    ("kpp", "inn", "expected"),
    [
        ("770701001", COMPANYS, ""),
        ("7707AZ001", COMPANYS, ""),
        ("", PERSONS, ""),
        ("", COMPANYS, "REQUIRED"),
        ("770701001", PERSONS, "KPP_NOT_ALLOWED"),
        ("7707az001", COMPANYS, "KPP_FORM"),
        ("7707АА001", COMPANYS, "KPP_FORM"),  # Cyrillic letters
        ("77070100", COMPANYS, "KPP_FORM"),
        ("7707010011", COMPANYS, "KPP_FORM"),
        ("77070100²", COMPANYS, "KPP_FORM"),
        ("A70701001", COMPANYS, "KPP_FORM"),
        ("000000000", COMPANYS, "KPP_FORM"),
        # With an INN that is no INN, only the form of the KPP is told of.
        ("", "77", ""),
        ("770701001", "", ""),
        ("7", "", "KPP_FORM"),
    ],
)
def test_a_company_has_a_kpp_and_an_entrepreneur_none(kpp: str, inn: str, expected: str) -> None:
    assert reason(check_kpp(kpp, inn)) == expected


@pytest.mark.parametrize(
    ("bik", "expected"),
    [
        (BIK, ""),
        ("049805746", ""),
        ("144525225", ""),  # need not begin with 04
        ("000000000", "BIK_FORM"),
        ("04452522", "BIK_FORM"),
        ("0445252255", "BIK_FORM"),
        ("04452522²", "BIK_FORM"),
        ("04452522a", "BIK_FORM"),
        ("", "REQUIRED"),
    ],
)
def test_a_bik_has_nine_digits(bik: str, expected: str) -> None:
    assert reason(check_bik(bik)) == expected


@pytest.mark.parametrize(
    ("account", "bik", "expected"),
    [
        (ACCOUNT, BIK, ""),
        ("30101810400000000225", "044525225", ""),
        ("40602810700000000025", "049805746", ""),
        ("03100643000000017300", "044525225", ""),  # the treasury's have no check digit
        ("40702810500000012345", BIK, "ACCOUNT_CHECKSUM"),
        ("40602810700000000026", "049805746", "ACCOUNT_CHECKSUM"),
        ("40602810700000000025", "049805747", "ACCOUNT_CHECKSUM"),
        ("40602810700000000026", "04980574", ""),  # the BIK is what is wrong
        ("4060281070000000002", BIK, "ACCOUNT_FORM"),
        ("406028107000000000255", BIK, "ACCOUNT_FORM"),
        ("4060281070000000002²", BIK, "ACCOUNT_FORM"),
        ("4060D810700000000025", BIK, "ACCOUNT_FORM"),
        ("40602D10700000000025", BIK, "ACCOUNT_FORM"),  # no such letter
        ("40602А10700000000025", BIK, "ACCOUNT_FORM"),  # a Cyrillic А
        ("4060 2810 7000 0000 0025", BIK, "ACCOUNT_FORM"),
        ("0" * 20, "000000000", "ACCOUNT_FORM"),
        ("", BIK, "REQUIRED"),
    ],
)
def test_an_account_fits_its_bank(account: str, bik: str, expected: str) -> None:
    assert reason(check_account("settlement_account", account, bik)) == expected


@pytest.mark.parametrize(("letter", "digit"), list(zip("ABCEHKMPTX", "0123456789", strict=True)))
def test_a_letter_in_an_account_counts_as_its_digit(letter: str, digit: str) -> None:
    numbers = [f"40702{digit}10{key}00000000001" for key in range(10)]
    (sound,) = (number for number in numbers if account_fits_bik(number, BIK))
    assert check_account("account", sound[:5] + letter + sound[6:], BIK) is None


@given(st.from_regex(r"[0-9]{20}", fullmatch=True), st.integers(0, 19), st.integers(1, 9))
def test_no_single_misprint_in_an_account_goes_unnoticed(
    number: str, place: int, shift: int
) -> None:
    number = "40702" + number[5:]
    (sound,) = (
        each
        for each in (number[:8] + str(key) + number[9:] for key in range(10))
        if account_fits_bik(each, BIK)
    )
    # The first five digits choose the rule, so that they are left alone here.
    place = max(place, 5)
    wrong = str((int(sound[place]) + shift) % 10)
    assert not account_fits_bik(sound[:place] + wrong + sound[place + 1 :], BIK)


@pytest.mark.parametrize("bik", ["044525000", "044525001", "044525002"])
def test_accounts_at_a_unit_of_the_bank_of_russia_start_from_the_units_number(bik: str) -> None:
    by_unit = [f"40702810{key}00000000001" for key in range(10)]
    (sound,) = (number for number in by_unit if account_fits_bik(number, bik))
    # "025" is the unit of 044525…, and the end of the BIK of another bank.
    assert account_fits_bik(sound, "044599025")


@pytest.mark.parametrize(
    ("email", "expected"),
    [
        ("buh@example.ru", ""),
        ("a.b+c_d@mail.example.co.uk", ""),
        ("buh@xn--e1afmkfd.xn--p1ai", ""),
        ("", "REQUIRED"),
        ("buh", "EMAIL_FORM"),
        ("buh@", "EMAIL_FORM"),
        ("buh@example", "EMAIL_FORM"),
        ("@example.ru", "EMAIL_FORM"),
        ("a b@example.ru", "EMAIL_FORM"),
        ("a..b@example.ru", "EMAIL_FORM"),
        ("a@example..ru", "EMAIL_FORM"),
        ("a@-example.ru", "EMAIL_FORM"),
        ("a@example.ru,b@example.ru", "EMAIL_FORM"),
        ("Buh <a@example.ru>", "EMAIL_FORM"),
        ("a@example.ru\r\nBcc: b@example.ru", "EMAIL_FORM"),
        ("a@example.ru\n", "EMAIL_FORM"),
        ("a@example.ru\0", "EMAIL_FORM"),
        ("бух@example.ru", "EMAIL_FORM"),
        ("a@" + "x" * 250 + ".ru", "EMAIL_FORM"),
        ("a" * 250 + "@b.ru", "EMAIL_FORM"),
    ],
)
def test_an_email_is_one_plain_address(email: str, expected: str) -> None:
    assert reason(check_email(email)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("ООО «Ромашка»", ""), ("", "REQUIRED"), (" \t", "REQUIRED"), ("a\nb", "TEXT_FORM"),
     ("a\0", "TEXT_FORM"), ("x" * 301, "TEXT_FORM")],
)  # fmt: skip
def test_a_name_and_an_address_are_readable_texts(text: str, expected: str) -> None:
    assert reason(check_name(text)) == expected
    assert reason(check_legal_address(text)) == expected


@pytest.mark.parametrize("requisites", [COMPANY, ENTREPRENEUR])
def test_sound_requisites_have_no_fault(requisites: Requisites) -> None:
    assert check(requisites) == ()


def test_everything_that_is_wrong_is_told_at_once() -> None:
    reasons = {fault.field: fault.reason for fault in check(Requisites())}
    # Whether a KPP is needed shows only with the INN.
    assert reasons == dict.fromkeys(set(FIELDS) - {"kpp"}, "REQUIRED")
    wrong = replace(COMPANY, inn="7707083894", bik="1", email="nowhere")
    assert [fault.reason for fault in check(wrong)] == ["INN_CHECKSUM", "BIK_FORM", "EMAIL_FORM"]


def test_the_products_sample_fails_by_its_inn_and_its_account_and_may_be_a_draft() -> None:
    assert [(fault.field, fault.reason) for fault in check(SAMPLE)] == [
        ("inn", "INN_CHECKSUM"),
        ("settlement_account", "ACCOUNT_CHECKSUM"),
    ]
    assert check_draft(SAMPLE) == ()


@pytest.mark.parametrize("field", FIELDS)
def test_even_a_draft_holds_only_what_can_be_shown(field: str) -> None:
    for text in ("a\nb", "\0", "x" * 301):
        (fault,) = check_draft(replace(SAMPLE, **{field: text}))
        assert (fault.field, fault.reason) == (field, "TEXT_FORM")


@given(st.builds(Requisites, *([st.text(max_size=30)] * len(FIELDS))))
def test_no_text_breaks_a_check_and_a_fault_reads_as_a_sentence(requisites: Requisites) -> None:
    for fault in (*check(requisites), *check_draft(requisites)):
        assert fault.field in FIELDS
        assert fault.must.startswith("must ")
        assert fault.reason.isupper()


def test_a_seller_is_checked_like_an_organisation_and_needs_its_bank() -> None:
    assert seller_faults(SELLER) == ()
    wrong = replace(SELLER, correspondent_account="30101810400000000226", bank="", address="")
    assert [(fault.field, fault.reason) for fault in seller_faults(wrong)] == [
        ("address", "REQUIRED"),
        ("bank", "REQUIRED"),
        ("correspondent_account", "ACCOUNT_CHECKSUM"),
    ]
