"""The words on documents, in Russian: every text that the templates place, ready to be read."""

import re
from datetime import date
from decimal import Decimal
from typing import Any

from ledger.documents.document import Charges, Contents, Kind
from ledger.documents.month import Month
from ledger.documents.roubles import figures, in_words

MICROS = 1_000_000
KEPT = "\u00a0"  # a space at which no line breaks
BREAK = "\u200b"  # a place of no width at which a line may break
ASSISTANT = "телефонного ИИ\u2011ассистента"

_LONG_WORD = re.compile(r"\S{20}(?=\S{5})")
_OF_MONTHS = (
    "января", "февраля", "марта", "апреля", "мая", "июня",
    "июля", "августа", "сентября", "октября", "ноября", "декабря",
)  # fmt: skip
_MONTHS = (
    "январь", "февраль", "март", "апрель", "май", "июнь",
    "июль", "август", "сентябрь", "октябрь", "ноябрь", "декабрь",
)  # fmt: skip
_TITLES = {Kind.INVOICE: "Счёт на оплату", Kind.ACT: "Акт об оказании услуг"}
_FILES = {Kind.INVOICE: "Счёт", Kind.ACT: "Акт"}


def page_of(contents: Contents) -> dict[str, Any]:
    """What the template of a document's kind places on the page."""
    amount = figures(contents.amount_kopecks)
    return {
        "title": title_of(contents),
        "number": str(contents.number),
        "dated": f"{contents.dated:%d.%m.%Y}",
        "seller": _seller(contents),
        "customer": _customer(contents),
        "service": _service(contents),
        "amount": amount,
        "vat_label": _vat_label(contents.vat_percent),
        "vat": "—" if contents.vat_kopecks is None else figures(contents.vat_kopecks),
        "count": f"Всего наименований 1, на сумму {amount}{KEPT}руб.",
        "words": in_words(contents.amount_kopecks),
        "rate": _rate(contents.charges),
    }


def title_of(contents: Contents) -> str:
    """The heading: "Счёт на оплату № 17 от 25 ноября 2026 г."."""
    number = f"№{KEPT}{contents.number}"
    return f"{_TITLES[contents.kind]} {number} от{KEPT}{long_date(contents.dated)}"


def file_name_of(contents: Contents) -> str:
    """A name for the file: "Счёт № 17 от 25.11.2026.pdf"."""
    kind = _FILES[contents.kind]
    return f"{kind} № {contents.number} от {contents.dated:%d.%m.%Y}.pdf"


def long_date(day: date) -> str:
    """A date in words: "25 ноября 2026 г."."""
    return f"{day.day}{KEPT}{_OF_MONTHS[day.month - 1]} {day.year}{KEPT}г."


def long_month(month: Month) -> str:
    """A month in words: "март 2026 г."."""
    return f"{_MONTHS[month.number - 1]} {month.year}{KEPT}г."


def money(amount_micros: int, currency: str) -> str:
    """An amount of the tenant's currency: "57,50 USD"."""
    whole, fraction = divmod(amount_micros, MICROS)
    decimals = f"{fraction:06d}".rstrip("0").ljust(2, "0")
    return f"{whole:,}".replace(",", KEPT) + f",{decimals}{KEPT}{currency}"


def _rate(charges: Charges | None) -> str:
    if charges is None or charges.currency == "RUB":
        return ""
    amount = money(charges.amount_micros, charges.currency)
    day = charges.month.last_day()
    return (
        f"Стоимость услуг {amount} пересчитана в рубли по курсу {plain(charges.rate)}{KEPT}руб. "
        f"за 1{KEPT}{charges.currency} на {day:%d.%m.%Y}."
    )


def plain(number: Decimal) -> str:
    """A decimal without needless zeros, with a comma: "91,2345"."""
    text = f"{number:f}"
    return (text.rstrip("0").rstrip(".") if "." in text else text).replace(".", ",")


def _service(contents: Contents) -> str:
    if contents.charges is None:
        return f"Предоплата услуг {ASSISTANT}"
    return f"Услуги {ASSISTANT} за {long_month(contents.charges.month)}"


def _vat_label(percent: int | None) -> str:
    return "Без НДС" if percent is None else f"В том числе НДС {percent}{KEPT}%"


def _seller(contents: Contents) -> dict[str, str]:
    seller = contents.seller
    party = _party(seller.name, seller.inn, seller.kpp, seller.address)
    return party | {
        "account": seller.account,
        "bik": seller.bik,
        "bank": breakable(seller.bank),
        "correspondent_account": seller.correspondent_account,
    }


def _customer(contents: Contents) -> dict[str, str]:
    customer = contents.customer
    party = _party(customer.name, customer.inn, customer.kpp, customer.legal_address)
    return party | {"account": customer.settlement_account, "bik": customer.bik}


def _party(name: str, inn: str, kpp: str, address: str) -> dict[str, str]:
    codes = f"ИНН{KEPT}{inn}" + (f", КПП{KEPT}{kpp}" if kpp else "")
    texts = {"name": breakable(name), "address": breakable(address)}
    return texts | {"inn": inn, "kpp": kpp, "codes": codes}


def breakable(text: str) -> str:
    """The text with places to break in words that are wider than a column."""
    return _LONG_WORD.sub(lambda found: found.group() + BREAK, text)
