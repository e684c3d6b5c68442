"""Settled calls, as the ledger holds them, the newest first."""

from datetime import UTC, datetime
from typing import Literal

from ledger.call import NEWEST_CALL, CallFilter, PagePosition
from ledger.calls import Calls
from ledger.history.reader import History
from server.billing.form import Form
from server.billing.history.period import day_of
from server.calls.ledger_replies import settled_call
from server.calls.masking import mask_call
from server.calls.price_book import PriceBook
from server.errors import InvalidFields, Violation
from server.interceptors.principal import current_principal
from server.paging import page_size, position, token
from tollgate.v1 import billing_pb2 as pb
from tollgate.v1 import common_pb2


class SettledCallDesk:
    """Answers what administrators ask of settled calls."""

    def __init__(self, calls: Calls, history: History, book: PriceBook) -> None:
        self._calls, self._history, self._book = calls, history, book

    async def list(self, request: pb.ListCallsRequest) -> pb.ListCallsResponse:
        """A page of a tenant's settled calls."""
        form = Form()
        form.id("tenant_id", request.tenant_id)
        asked = _filter_of(form, request)
        form.done()
        size, after = page_size(request.page_size), position(request.page_token, 2)
        place = NEWEST_CALL if after is None else PagePosition(_time_of(after[0]), after[1])
        tenant_id, number = request.tenant_id, request.transaction_number
        if number:
            records = await self._history.calls_of(tenant_id, number, asked, size, place)
        else:
            records = await self._calls.list(tenant_id, asked, size, place)
        last = records[-1] if len(records) == size else None
        reply = pb.ListCallsResponse(
            calls=[settled_call(each, await self._book.itemise(each)) for each in records],
            next_page_token=token(last.settled_at.isoformat(), last.call_id) if last else "",
        )
        for call in reply.calls:
            mask_call(call)
        return reply


def _filter_of(form: Form, request: pb.ListCallsRequest) -> CallFilter:
    for field in ("model", "assistant_id", "number"):
        if getattr(request, field):
            form.text(field, getattr(request, field))
    if request.number and not current_principal().sees_numbers:
        # Asking for number after number would show what the reply masks.
        form.wrong("number", "needs a key that may see numbers", "NUMBERS_MASKED")
    for outcome in request.outcomes:
        if outcome not in common_pb2.Outcome.values() or not outcome:
            form.wrong("outcomes", "must be outcomes of the contract")
            break
    return CallFilter(
        _moment(form, request, "settled_from"),
        _moment(form, request, "settled_before"),
        day_of(form, "first_day", request.first_day),
        day_of(form, "last_day", request.last_day),
        request.model,
        request.assistant_id,
        request.number,
        list(request.outcomes),
    )


def _moment(
    form: Form, request: pb.ListCallsRequest, field: Literal["settled_from", "settled_before"]
) -> datetime | None:
    if not request.HasField(field):
        return None
    try:
        moment: datetime = getattr(request, field).ToDatetime(UTC)
    except (ValueError, OverflowError):
        form.wrong(field, "must be a time between the years 1 and 9999")
        return None
    return moment


def _time_of(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            raise ValueError
    except ValueError as error:
        violation = Violation("page_token", "must be a next_page_token, unchanged")
        raise InvalidFields([violation]) from error
    return moment
