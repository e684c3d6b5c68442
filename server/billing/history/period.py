"""Days and months of requests: read from their text, every wrong one named."""

import re
from datetime import date, timedelta

from server.billing.form import Form

MAX_DAYS = 366
_MONTH = re.compile(r"([0-9]{4})-([0-9]{2})")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def month_of(form: Form, field: str, text: str) -> tuple[date, date] | None:
    """The first and last day of YYYY-MM; None when it is wrong, which the form notes."""
    try:
        if not _MONTH.fullmatch(text):
            raise ValueError
        first = date.fromisoformat(f"{text}-01")
        return first, (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)
    except (ValueError, OverflowError):
        form.wrong(field, "must be a month such as 2026-03")
        return None


def day_of(form: Form, field: str, text: str) -> date | None:
    """The day of YYYY-MM-DD; None when it is empty or wrong, which the form notes."""
    if not text:
        return None
    try:
        if not _DAY.fullmatch(text):
            raise ValueError
        return date.fromisoformat(text)
    except ValueError:
        form.wrong(field, "must be a day such as 2026-03-12")
        return None


def days_between(form: Form, first_text: str, last_text: str) -> tuple[date, date] | None:
    """Two days that must be given; None when something is wrong, which the form notes."""
    first, last = day_of(form, "first_day", first_text), day_of(form, "last_day", last_text)
    for field, text in (("first_day", first_text), ("last_day", last_text)):
        if not text:
            form.wrong(field, "must be a day such as 2026-03-12")
    if first is None or last is None:
        return None
    if not 0 <= (last - first).days <= MAX_DAYS:
        form.wrong("last_day", f"must be first_day or at most {MAX_DAYS} days after it")
        return None
    return first, last
