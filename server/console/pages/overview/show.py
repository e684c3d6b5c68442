"""The page itself, and its month alone when another one is chosen."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from starlette.responses import Response

from server.console.look.chart import bar_chart
from server.console.pages.overview.calls import SHOWN, look_at_calls
from server.console.pages.overview.period import days_of, months_until
from server.console.visit import Visit
from tollgate.v1 import billing_pb2 as billing
from tollgate.v1 import history_pb2 as history

WIDE = {"width": 760, "height": 250, "left": 52, "every": 2}
NARROW = {"width": 360, "height": 220, "left": 44, "every": 7}


class Month(NamedTuple):
    """A month as the page shows it."""

    summary: history.GetMonthSummaryResponse
    days: Sequence[date]
    spend: Sequence[int]
    cap: int | None
    refusals: Sequence[tuple[str, int]]
    today: date


async def show(visit: Visit) -> Response:
    """The whole page, or for htmx the part of the month."""
    if visit.wants_fragment:
        return visit.page("overview/month.html", **month_values(visit, await _month(visit)))
    balance, month, calls = await asyncio.gather(
        visit.ask("GetBalance", billing.GetBalanceRequest(tenant_id=visit.tenant_id)),
        _month(visit),
        look_at_calls(visit),
    )
    return visit.page(
        "overview/page.html", balance=balance, calls=calls, most=SHOWN, **month_values(visit, month)
    )


def month_values(visit: Visit, month: Month) -> dict[str, Any]:
    """What the template of a month needs."""
    chosen = month.summary.month
    choice = months_until(month.today, chosen)
    at = choice.index(chosen)
    return {
        "month": month,
        "choice": choice,
        "earlier": choice[at + 1] if at + 1 < len(choice) else "",
        "later": choice[at - 1] if at else "",
        "charts": [
            (name, bar_chart(month.spend, month.cap, **size))
            for name, size in (("wide", WIDE), ("narrow", NARROW))
        ],
        "refused": sum(count for _, count in month.refusals),
    }


async def _month(visit: Visit) -> Month:
    tenant_id, asked = visit.tenant_id, visit.query.get("month", "")
    summary = await visit.ask(
        "GetMonthSummary", history.GetMonthSummaryRequest(tenant_id=tenant_id, month=asked)
    )
    days = days_of(summary.month)
    between = {"first_day": days[0].isoformat(), "last_day": days[-1].isoformat()}
    spend, refusals = await asyncio.gather(
        visit.ask("ListDailySpend", history.ListDailySpendRequest(tenant_id=tenant_id, **between)),
        visit.ask(
            "ListRefusals",
            history.ListRefusalsRequest(tenant_id=tenant_id, page_size=1, **between),
        ),
    )
    by_day = {each.day: each.amount_micros for each in spend.days}
    by_reason = Counter[str]()
    for count in refusals.counts:
        by_reason[count.reason] += count.count
    assert visit.tenant is not None
    return Month(
        summary,
        days,
        [by_day.get(day.isoformat(), 0) for day in days],
        spend.daily_cap_micros if spend.HasField("daily_cap_micros") else None,
        by_reason.most_common(),
        datetime.now(UTC).astimezone(ZoneInfo(visit.tenant.time_zone)).date(),
    )
