"""The days of a month, and the months to choose from."""

from datetime import date, timedelta

MONTHS_BACK = 24


def days_of(month: str) -> list[date]:
    """The days of YYYY-MM."""
    first = date.fromisoformat(f"{month}-01")
    days = [first + timedelta(days=number) for number in range(31)]
    return [day for day in days if day.month == first.month]


def months_until(today: date, chosen: str) -> list[str]:
    """The months to choose from, the running one first; the chosen one is among them."""
    last = today.year * 12 + today.month - 1
    months = [f"{at // 12:04d}-{at % 12 + 1:02d}" for at in range(last, last - MONTHS_BACK, -1)]
    return months if chosen in months else sorted({*months, chosen}, reverse=True)
