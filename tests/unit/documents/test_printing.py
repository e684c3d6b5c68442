"""What customers see: the words on invoices and acts, read back from the PDF."""

import io
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from pypdf import PdfReader

from ledger.documents.document import Contents
from server.documents.printing import print_pdf, set_pdf
from server.documents.wording import breakable, file_name_of, money, plain
from tests.unit.documents.samples import COMPANY, ENTREPRENEUR, MARCH, SELLER, act, invoice

AT = datetime(2026, 11, 25, 12, 30, 15, 250_000, tzinfo=UTC)


def pages_of(contents: Contents) -> list[str]:
    """The text of each page, with every run of spaces as one."""
    reader = PdfReader(io.BytesIO(set_pdf(contents, AT)))
    return [" ".join(page.extract_text().split()) for page in reader.pages]


def text_of(contents: Contents) -> str:
    (page,) = pages_of(contents)
    return page


@pytest.mark.parametrize(
    "expected",
    [
        "Счёт на оплату № 17 от 25 ноября 2026 г.",
        SELLER.name,
        SELLER.account,
        SELLER.bik,
        SELLER.bank,
        SELLER.correspondent_account,
        "ИНН 7707083893, КПП 770701001",
        COMPANY.name,
        COMPANY.legal_address,
        "Предоплата услуг телефонного ИИ‑ассистента",
        "15 000,00",
        "В том числе НДС 20 %: 2 500,00",
        "Пятнадцать тысяч рублей 00 копеек",
        "Оплата по счёту № 17 от 25.11.2026",
    ],
)
def test_an_invoice_says_who_pays_whom_how_much_and_where(expected: str) -> None:
    assert expected in text_of(invoice())


@pytest.mark.parametrize(
    "expected",
    [
        "Акт об оказании услуг № 3 от 31 марта 2026 г.",
        "Услуги телефонного ИИ‑ассистента за март 2026 г.",
        "Без НДС",
        "5 245,98",
        "Пять тысяч двести сорок пять рублей 98 копеек",
        "57,50 USD пересчитана в рубли по курсу 91,2345 руб. за 1 USD на 31.03.2026",
        "Заказчик претензий по объёму, качеству и срокам оказания услуг не имеет",
        COMPANY.settlement_account,
    ],
)
def test_an_act_says_what_was_done_and_at_which_rate(expected: str) -> None:
    assert expected in text_of(act())


def test_an_act_in_roubles_tells_no_rate() -> None:
    charges = MARCH._replace(currency="RUB", rate=Decimal(1))
    assert "курсу" not in text_of(act(charges=charges))


def test_an_entrepreneur_has_no_kpp() -> None:
    customer_line = text_of(act(customer=ENTREPRENEUR)).partition("Заказчик")[2]
    assert "ИНН 500100732259, " in customer_line.partition("№")[0]
    assert "КПП" not in customer_line.partition("№")[0]


def test_what_people_typed_is_never_read_as_markup() -> None:
    typed = '*Б* _к_ #panic("x") $1$ "у" \\ // <l> @a [з] `c`'
    assert typed in text_of(invoice(customer=replace(COMPANY, name=typed)))


def test_the_longest_texts_stay_on_the_sheet() -> None:
    longest = replace(COMPANY, name="ООО «" + "Щ" * 195, legal_address="улица " * 50)
    pages = pages_of(invoice(customer=longest, amount_kopecks=99_999_999_999_999))
    assert "999 999 999 999,99" in pages[0]
    assert len(pages) <= 2


@pytest.mark.parametrize(
    ("text", "parts"),
    [("ООО «Ромашка»", ["ООО «Ромашка»"]), ("x" * 24, ["x" * 24]),
     ("y" * 45, ["y" * 20, "y" * 20, "y" * 5]),
     ("a " + "z" * 60, ["a " + "z" * 20, "z" * 20, "z" * 20])],
)  # fmt: skip
def test_a_word_that_is_wider_than_a_column_may_break(text: str, parts: list[str]) -> None:
    assert breakable(text).split("\u200b") == parts


def test_the_same_contents_are_the_same_bytes() -> None:
    assert set_pdf(invoice(), AT) == set_pdf(invoice(), AT)
    assert set_pdf(invoice(), AT) != set_pdf(invoice(number=18), AT)


async def test_printing_leaves_the_event_loop_free() -> None:
    assert (await print_pdf(act(), AT)).startswith(b"%PDF-")


def test_files_are_named_by_kind_number_and_date() -> None:
    assert file_name_of(invoice()) == "Счёт № 17 от 25.11.2026.pdf"
    assert file_name_of(act()) == "Акт № 3 от 31.03.2026.pdf"


@pytest.mark.parametrize(
    ("number", "text"),
    [("91.2345", "91,2345"), ("90", "90"), ("100.00", "100"), ("0.10", "0,1"), ("1E+2", "100")],
)
def test_a_rate_has_a_comma_and_no_needless_zeros(number: str, text: str) -> None:
    assert plain(Decimal(number)) == text


@pytest.mark.parametrize(
    ("micros", "text"), [(57_500_000, "57,50 USD"), (1_234_000_001, "1 234,000001 USD")]
)
def test_an_amount_of_the_tenants_currency_is_exact(micros: int, text: str) -> None:
    assert money(micros, "USD") == text.replace(" ", "\u00a0")
