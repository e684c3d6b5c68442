"""Settled calls, as the ledger holds them, the newest first."""

from datetime import UTC, datetime
from typing import Literal

from ledger.call import PagePosition
from ledger.calls import Calls
from ledger.history.reader import History
from server.billing.form import Form
from server.calls.ledger_replies import settled_call
from server.calls.masking import mask_call
from server.errors import InvalidFields, Violation
from server.paging import page_size, position, token
from tollgate.v1 import billing_pb2 as pb


class SettledCallDesk:
    """Answers what administrators ask of settled calls."""

    def __init__(self, calls: Calls, history: History) -> None:
        self._calls, self._history = calls, history

    async def list(self, request: pb.ListCallsRequest) -> pb.ListCallsResponse:
        """A page of a tenant's settled calls."""
        form = Form()
        form.id("tenant_id", request.tenant_id)
        form.done()
        size, after = page_size(request.page_size), position(request.page_token, 2)
        since, until = _moment(request, "settled_from"), _moment(request, "settled_before")
        place = None if after is None else PagePosition(_time_of(after[0]), after[1])
        tenant_id, number = request.tenant_id, request.transaction_number
        if number:
            records = await self._history.calls_of(tenant_id, number, (since, until), size, place)
        else:
            records = await self._calls.list(tenant_id, since, until, size, place)
        last = records[-1] if len(records) == size else None
        reply = pb.ListCallsResponse(
            calls=[settled_call(record) for record in records],
            next_page_token=token(last.settled_at.isoformat(), last.call_id) if last else "",
        )
        for call in reply.calls:
            mask_call(call)
        return reply


def _moment(
    request: pb.ListCallsRequest, field: Literal["settled_from", "settled_before"]
) -> datetime | None:
    if not request.HasField(field):
        return None
    try:
        moment: datetime = getattr(request, field).ToDatetime(UTC)
    except (ValueError, OverflowError) as error:
        violation = Violation(field, "must be a time between the years 1 and 9999")
        raise InvalidFields([violation]) from error
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
