"""The payment history and the refusals, page by page."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, date, datetime

from ledger.errors import RateMissing
from ledger.history.reader import History
from ledger.history.row import HistoryFilter, HistoryRow
from ledger.payments.exchange_rates import ExchangeRates, SetRate
from ledger.refusals import Refusals
from server.billing.form import Form
from server.billing.history.period import day_of, days_between
from server.billing.history.wording import STATUSES, TYPES, WORDINGS, Wording, description, type_of
from server.calls.directory import TenantDirectory
from server.calls.masking import shown_number
from server.calls.replies import iso_day
from server.errors import InvalidFields, Violation
from server.paging import page_size, position, token
from server.payments.shown import shown_rate
from tollgate.v1 import history_pb2 as pb
from tollgate.v1 import payments_pb2 as payments

Filtered = pb.ListTransactionsRequest | pb.ExportHistoryRequest
ROUBLES = "RUB"
_ALL_TYPES = frozenset(TYPES.values())


class TransactionDesk:
    """Answers with rows of the history, and with calls that were turned away."""

    def __init__(
        self,
        history: History,
        refusals: Refusals,
        directory: TenantDirectory,
        rates: ExchangeRates,
    ) -> None:
        self._history, self._refusals = history, refusals
        self._directory, self._rates = directory, rates

    async def list(self, request: pb.ListTransactionsRequest) -> pb.ListTransactionsResponse:
        """A page of rows, the highest number first."""
        form = Form()
        form.id("tenant_id", request.tenant_id)
        asked = filter_of(form, request)
        form.done()
        size, after = page_size(request.page_size), _number(request.page_token)
        known = await self._directory.known(request.tenant_id)
        below = () if after is None else (after,)
        rows = await self._history.rows(request.tenant_id, asked, size, *below)
        wording = WORDINGS[request.language]
        return pb.ListTransactionsResponse(
            transactions=[transaction(row, wording) for row in rows],
            next_page_token=token(str(rows[-1].number)) if len(rows) == size else "",
            currency=known.profile.currency,
            rouble_rate=await self._rouble_rate(known.profile.currency, iso_day(known.day.day)),
        )

    async def _rouble_rate(self, currency: str, today: str) -> payments.ExchangeRate | None:
        """The rate that a top-up takes now: of the later day, here or in UTC."""
        if currency == ROUBLES:
            return None
        day = max(date.fromisoformat(today), datetime.now(UTC).date())
        with suppress(RateMissing):
            rate = await self._rates.on(currency, ROUBLES, day)
            return shown_rate(SetRate(currency, ROUBLES, rate))
        return None

    async def refusals(self, request: pb.ListRefusalsRequest) -> pb.ListRefusalsResponse:
        """How many a day by reason, and the last ones."""
        form = Form()
        form.id("tenant_id", request.tenant_id)
        asked = days_between(form, request.first_day, request.last_day)
        form.done()
        assert asked is not None
        size, after = page_size(request.page_size), _number(request.page_token)
        below = () if after is None else (after,)
        last = await self._history.refusals(request.tenant_id, size, *below)
        reply = pb.ListRefusalsResponse(
            next_page_token=token(str(last[-1].id)) if len(last) == size else ""
        )
        for each in last:
            call = reply.calls.add(
                reason=each.reason,
                call_id=each.call_id,
                model=each.model,
                caller=shown_number(each.caller),
                callee=shown_number(each.callee),
                direction=each.direction,
                assistant_id=each.assistant_id,
            )
            call.at.FromDatetime(each.at)
        if after is None:
            days = (f"{day:%Y%m%d}" for day in asked)
            counts = await self._refusals.counts(request.tenant_id, *days)
            for key, count in counts.items():
                reply.counts.add(day=iso_day(key.day), reason=key.reason, count=count)
        return reply


def filter_of(form: Form, request: Filtered) -> HistoryFilter:
    """What the rows are filtered by; what is wrong is noted in the form."""
    first = day_of(form, "first_day", request.first_day)
    last = day_of(form, "last_day", request.last_day)
    if request.language not in WORDINGS:
        form.wrong("language", "must be one of the contract's languages")
    if not _ALL_TYPES.issuperset(request.types):
        form.wrong("types", "must each be one of the contract's types, and not UNSPECIFIED")
    if not frozenset(STATUSES.values()).issuperset(request.statuses):
        form.wrong("statuses", "must each be one of the contract's statuses, and not UNSPECIFIED")
    return HistoryFilter(
        first,
        last,
        [kind for kind, number in TYPES.items() if number in request.types],
        [status for status, number in STATUSES.items() if number in request.statuses],
    )


def transaction(row: HistoryRow, wording: Wording) -> pb.Transaction:
    """The row as clients see it."""
    message = pb.Transaction(
        number=row.number,
        day=row.day.isoformat(),
        type=type_of(row),
        description=description(row, wording),
        amount_micros=row.amount_micros,
        status=STATUSES[row.status],
        calls=row.calls,
        request_id="" if row.gathered else row.key,
        provider=row.provider,
        details_url=row.details_url,
    )
    message.at.FromDatetime(row.at)
    return message


def _number(page_token: str) -> int | None:
    parts: Sequence[str] | None = position(page_token, 1)
    if parts is None:
        return None
    if not (parts[0].isascii() and parts[0].isdigit() and len(parts[0]) <= 18):
        violation = Violation("page_token", "must be a next_page_token, unchanged")
        raise InvalidFields([violation])
    return int(parts[0])
