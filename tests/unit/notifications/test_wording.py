"""The words: every kind in both languages, money and times as people there write them."""

from datetime import timedelta
from itertools import product

import pytest

from ledger.notifications.event import Kind
from ledger.notifications.preferences import LANGUAGES
from server.notifications.wording import TEMPLATES, Words, write
from tests.unit.notifications.samples import AT, FIGURES, delivery


def plain(text: str) -> str:
    """With ordinary spaces."""
    return text.replace("\u00a0", " ").replace("\u202f", " ")


@pytest.mark.parametrize(("kind", "language"), list(product(Kind, LANGUAGES)))
def test_every_message_reads_as_a_message(kind: Kind, language: str) -> None:
    text = write(delivery(kind, language), AT, **FIGURES.get(kind, {}))
    assert 10 <= len(text.subject) <= 100
    assert plain(text.subject).isprintable()
    assert text.body.endswith(".\n") or kind is Kind.DOCUMENT_ISSUED
    for left_over in ("{{", "}}", "{%", "None", "Undefined", "  ", "\n\n\n"):
        assert left_over not in text.body
    russian = any("а" <= letter <= "я" for letter in text.subject)
    assert russian == (language == "ru" or kind is Kind.DOCUMENT_ISSUED)


def test_no_template_is_without_a_kind() -> None:
    names = {f"{language}/{kind}.txt" for language, kind in product(LANGUAGES, [*Kind, "footer"])}
    found = {path.relative_to(TEMPLATES).as_posix() for path in TEMPLATES.rglob("*.txt")}
    assert found == names


def test_a_low_balance_in_russian() -> None:
    ends = AT + timedelta(hours=4, minutes=8)
    text = write(delivery(language="ru"), AT, ends=ends)
    body = plain(text.body)
    assert plain(text.subject) == "Баланс ниже порога: 9,87 $"
    assert "осталось 9,87 $: это меньше порога 10,00 $" in body
    assert "Порог пройден 12 марта 2026 г. в 14:32." in body
    assert "деньги закончатся сегодня, 12 марта, в 18:40." in body
    assert "Europe/Moscow" in body


def test_a_low_balance_in_english_without_a_forecast() -> None:
    text = write(delivery(), AT, ends=None)
    assert text.subject == "Your balance is low: $9.87"
    assert "It was crossed on March 12, 2026 at 14:32." in text.body
    assert "pace" not in text.body


def test_tomorrow_and_later_days_are_named() -> None:
    russian, english = Words(delivery(language="ru"), AT), Words(delivery(), AT)
    tomorrow, later = AT + timedelta(hours=10), AT + timedelta(days=3)
    assert russian.upcoming(tomorrow) == "завтра, 13 марта, в 00:32"
    assert english.upcoming(tomorrow) == "tomorrow, March 13, at 00:32"
    assert russian.upcoming(later) == "15 марта в 14:32"
    assert english.upcoming(later) == "March 15 at 14:32"


@pytest.mark.parametrize(
    ("micros", "currency", "english", "russian"),
    [
        (9_999_999, "USD", "$9.99", "9,99 $"),
        (-1, "USD", "-$0.01", "-0,01 $"),
        (1_234_567_890_000, "RUB", "1,234,567.89 RUB", "1 234 567,89 ₽"),
        (1_500_000, "JPY", "¥1", "1 ¥"),
        (100_000_000, "RUB", "100.00 RUB", "100,00 ₽"),
        (0, "EUR", "€0.00", "0,00 €"),
    ],
)
def test_money_is_written_as_people_do_and_never_as_more(
    micros: int, currency: str, english: str, russian: str
) -> None:
    assert plain(Words(delivery(currency=currency), AT).money(micros)) == english
    assert plain(Words(delivery(language="ru", currency=currency), AT).money(micros)) == russian


def test_names_with_markup_are_text() -> None:
    text = write(delivery(tenant_name="<b>& {{ 7*7 }}"), AT, ends=None)
    assert "<b>& {{ 7*7 }}" in text.body
