"""The words of notifications: templates of both languages, with money and times as people there
write them. A template's first line is the subject.
"""

from datetime import datetime, timedelta
from decimal import ROUND_FLOOR, Decimal
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_datetime, format_time
from babel.numbers import (
    format_currency,
    format_decimal,
    get_currency_precision,
    get_currency_symbol,
)
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from ledger.notifications.queue import Delivery

MICROS = 1_000_000
TEMPLATES = Path(__file__).parent / "templates"
LOCALES = {"en": "en_US", "ru": "ru_RU"}
DAYS = {"en": ("today", "tomorrow"), "ru": ("сегодня", "завтра")}
AT = {"en": "at", "ru": "в"}


class Text(NamedTuple):
    """A message: one line, then the rest; `attachment` is a file's name and a PDF."""

    subject: str
    body: str
    attachment: tuple[str, bytes] | None = None


class Words:
    """Formats values for one tenant: its language, currency and time zone."""

    def __init__(self, delivery: Delivery, now: datetime) -> None:
        self._language, self._currency = delivery.language, delivery.currency
        self._locale = LOCALES[delivery.language]
        self._zone = ZoneInfo(delivery.time_zone)
        self._now = now

    def money(self, micros: int) -> str:
        """An amount of the tenant's currency, rounded down: nobody has more than is written."""
        digits = get_currency_precision(self._currency)
        exact = Decimal(micros) / MICROS
        amount = exact.quantize(Decimal(1).scaleb(-digits), rounding=ROUND_FLOOR)
        return self._with_currency(amount, self._currency)

    def minor(self, amount: int, currency: str) -> str:
        """An amount in minor units of a currency, as payments are counted."""
        exact = Decimal(amount).scaleb(-get_currency_precision(currency))
        return self._with_currency(exact, currency)

    def _with_currency(self, amount: Decimal, currency: str) -> str:
        if get_currency_symbol(currency, locale=self._locale) != currency:
            return str(format_currency(amount, currency, locale=self._locale))
        # Without a symbol the code would stick to the number.
        digits = get_currency_precision(currency)
        pattern = f"#,##0.{'0' * digits}" if digits else "#,##0"
        return f"{format_decimal(amount, pattern, locale=self._locale)}\u00a0{currency}"

    def moment(self, at: datetime) -> str:
        """A day and a time of the past: "March 12, 2026 at 14:32"."""
        local = at.astimezone(self._zone)
        day = format_date(local, "long", locale=self._locale)
        return f"{day} {AT[self._language]} {self._time(local)}"

    def upcoming(self, at: datetime) -> str:
        """A day and a time to come: "today, March 12, at 18:40"."""
        local, today = at.astimezone(self._zone), self._now.astimezone(self._zone).date()
        pattern = "d MMMM" if self._language == "ru" else "MMMM d"
        day = format_datetime(local, pattern, locale=self._locale)
        near = dict(zip((today, today + timedelta(days=1)), DAYS[self._language], strict=True))
        if local.date() in near:
            day = f"{near[local.date()]}, {day},"
        return f"{day} {AT[self._language]} {self._time(local)}"

    def _time(self, local: datetime) -> str:
        return str(format_time(local, "HH:mm", locale=self._locale))


_environment = Environment(
    loader=FileSystemLoader(TEMPLATES),
    undefined=StrictUndefined,
    autoescape=False,  # plain text
    trim_blocks=True,
    lstrip_blocks=True,
)


def write(delivery: Delivery, now: datetime, **figures: Any) -> Text:
    """The message of an event: its details, and `figures` that its template places besides."""
    template = _environment.get_template(f"{delivery.language}/{delivery.kind}.txt")
    written = template.render(
        **delivery.details,
        **figures,
        words=Words(delivery, now),
        tenant=delivery.tenant,
        name=delivery.tenant_name,
        at=delivery.at,
        time_zone=delivery.time_zone,
    )
    subject, _, body = written.partition("\n")
    return Text(subject.strip(), body.strip() + "\n")
