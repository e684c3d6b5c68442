"""A month in figures, and what each day cost beside the daily cap."""

from datetime import date, timedelta

from ledger.history.reader import History
from quota.operation import NONE
from server.billing.form import Form
from server.billing.history.period import days_between, month_of
from server.calls.directory import TenantDirectory
from server.calls.replies import iso_day
from tollgate.v1 import common_pb2
from tollgate.v1 import history_pb2 as pb


class OverviewDesk:
    """Answers what the start page asks; the past from the ledger, the present live."""

    def __init__(self, history: History, directory: TenantDirectory) -> None:
        self._history, self._directory = history, directory

    async def month(self, request: pb.GetMonthSummaryRequest) -> pb.GetMonthSummaryResponse:
        """A month's figures, and the balance now."""
        form = Form()
        form.id("tenant_id", request.tenant_id)
        asked = month_of(form, "month", request.month) if request.month else None
        form.done()
        account = await self._directory.account(request.tenant_id)
        known = self._directory.learn(request.tenant_id, account.profile_version, account.profile)
        first, last = asked or _month_around(iso_day(known.day.day))
        totals = await self._history.month(request.tenant_id, first, last)
        reply = pb.GetMonthSummaryResponse(
            month=f"{first:%Y-%m}",
            currency=totals.currency,
            ledger_micros=totals.ledger_micros,
            balance_micros=account.balance,
            reserved_micros=account.reserved,
            available_micros=account.balance + account.credit_limit - account.reserved,
            calls_handled=totals.handled,
            tokens_used=totals.tokens,
            spent_micros=totals.spent_micros,
        )
        if totals.handled:
            reply.average_call_micros = average(totals.spent_micros, totals.handled)
        return reply

    async def daily_spend(self, request: pb.ListDailySpendRequest) -> pb.ListDailySpendResponse:
        """Days with their spend; those that the live store counts come from there."""
        form = Form()
        form.id("tenant_id", request.tenant_id)
        asked = days_between(form, request.first_day, request.last_day)
        form.done()
        assert asked is not None
        account = await self._directory.account(request.tenant_id)
        known = self._directory.learn(request.tenant_id, account.profile_version, account.profile)
        days = dict(await self._history.daily_spend(request.tenant_id, *asked))
        for day, amount in account.spend_by_day:
            if asked[0] <= (live := date.fromisoformat(iso_day(day))) <= asked[1]:
                days[live] = amount
        return pb.ListDailySpendResponse(
            currency=known.profile.currency,
            days=[
                common_pb2.DaySpend(day=day.isoformat(), amount_micros=amount)
                for day, amount in sorted(days.items())
                if amount
            ],
            daily_cap_micros=None if account.daily_cap == NONE else account.daily_cap,
        )


def average(spent: int, calls: int) -> int:
    """Micros per call, rounded half up."""
    return (2 * spent + calls) // (2 * calls)


def _month_around(day: str) -> tuple[date, date]:
    first = date.fromisoformat(day).replace(day=1)
    return first, (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)
