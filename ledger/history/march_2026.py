"""The product's example month: March 2026 of a tenant in Moscow, and the February before it."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

from ledger.history.example import Charges, Example, TopUp, share

ZONE = "Europe/Moscow"
CENT = 10_000

MONTH_CALLS, MONTH_TOKENS = 847, 3_200_000
REPORT_CALLS = 25

# Cents spent per day of March.
FIRST_DAYS = {12: 285, 13: 410, 14: 325}
LATER_DAYS = {
    16: 340,
    17: 385,
    18: 310,
    19: 405,
    20: 375,
    21: 120,
    22: 95,
    23: 360,
    24: 330,
    25: 415,
    26: 345,
    27: 390,
    28: 135,
    29: 105,
    30: 325,
    31: 245,
}
WITH_ANALYTICS = {16, 23, 30}


def _paid(month: int, day: int, hour: int, minute: int, dollars: int) -> TopUp:
    at = datetime(2026, month, day, hour, minute, tzinfo=ZoneInfo(ZONE))
    return TopUp(at, dollars * 100 * CENT, "stripe")


def _reports(day: date, calls: int, cents: int) -> Charges:
    return Charges(day, calls, cents * CENT, 0, reports=10)


def _march() -> list[Charges]:
    """Calls and tokens follow the money, as they would."""
    cents = FIRST_DAYS | LATER_DAYS
    calls = share(MONTH_CALLS - REPORT_CALLS, list(cents.values()))
    blocks = share(MONTH_TOKENS // 1_000, list(cents.values()))
    return [
        Charges(
            date(2026, 3, day), count, cents[day] * CENT, 1_000 * thousands, day in WITH_ANALYTICS
        )
        for day, count, thousands in zip(cents, calls, blocks, strict=True)
    ]


def march_2026() -> Example:
    """Rows 1 to 6 leave $50.00, 7 to 12 are the product's, the later ones cost $46.80."""
    march = _march()
    return Example(
        name="march-2026",
        tenant_name="ТехноМастер",
        time_zone=ZONE,
        month="2026-03",
        events=(
            _paid(2, 2, 11, 20, 25),
            Charges(date(2026, 2, 3), 34, 240 * CENT, 134_000),
            _reports(date(2026, 2, 10), 5, 10),
            _paid(2, 17, 16, 5, 30),
            Charges(date(2026, 2, 18), 25, 175 * CENT, 98_000),
            Charges(date(2026, 2, 24), 11, 75 * CENT, 42_000),
            _paid(3, 1, 10, 15, 100),
            _reports(date(2026, 3, 10), REPORT_CALLS, 50),
            *march[: len(FIRST_DAYS)],
            _paid(3, 15, 14, 40, 50),
            *march[len(FIRST_DAYS) :],
        ),
    )
