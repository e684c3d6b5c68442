"""Looking at calls: one, all that run, and an operator's hang-up."""

from contextlib import suppress

from ledger.call import SettledCallRecord
from ledger.calls import Calls
from ledger.errors import LedgerUnavailable, UnknownTenant
from quota.decision import CallResult, CallView, State
from quota.operation import End, LookCall
from quota.store import QuotaStore, ShardReader
from server.calls import ledger_replies, replies
from server.calls.directory import TenantDirectory
from server.calls.outlook import look_at_grants, outlook
from server.calls.price_book import PriceBook, Pricing
from server.calls.validation import check_key
from server.errors import CallUnknown, InvalidFields, Violation
from server.fields import ID_MUST, is_id
from server.paging import page_size, position, token
from tollgate.v1 import call_authorization_pb2 as pb
from tollgate.v1 import common_pb2

SCAN_COUNT = 1_000
MAX_STEPS = 100
MAX_CURSOR = 2**64


class CallLookup:
    """Reads calls from the live store, and from the ledger what it no longer holds."""

    def __init__(
        self,
        store: QuotaStore,
        readers: list[ShardReader],
        directory: TenantDirectory,
        book: PriceBook,
        calls: Calls,
    ) -> None:
        self._store, self._readers, self._directory = store, readers, directory
        self._book, self._calls = book, calls

    async def get(self, request: pb.GetCallRequest) -> pb.GetCallResponse:
        """One call. Raises CallUnknown."""
        check_key(request)
        tenant_id, call_id = request.tenant_id, request.call_id
        view = await self._view(tenant_id, call_id)
        if view is None:
            record = await self._calls.find(tenant_id, call_id)
            if record is None:
                raise CallUnknown
            return pb.GetCallResponse(call=await self._settled(record))
        call = await self._running(tenant_id, call_id, view)
        if view.state == State.SETTLED:
            with suppress(LedgerUnavailable):
                record = await self._calls.find(tenant_id, call_id)
                if record is not None:
                    return pb.GetCallResponse(call=await self._settled(record))
        return pb.GetCallResponse(call=call)

    async def list_active(self, request: pb.ListActiveCallsRequest) -> pb.ListActiveCallsResponse:
        """A page of the calls that are not settled."""
        if not is_id(request.tenant_id):
            raise InvalidFields([Violation("tenant_id", ID_MUST, "INVALID_ID")])
        size, cursor = page_size(request.page_size), _cursor(request.page_token)
        tenant_id = request.tenant_id
        reader = self._readers[self._store.line_of(tenant_id).shard]
        calls: list[common_pb2.Call] = []
        for _ in range(MAX_STEPS):
            cursor, call_ids = await reader.scan_calls(tenant_id, cursor, SCAN_COUNT)
            calls += await self._active(tenant_id, call_ids)
            if not cursor or len(calls) >= size:
                break
        ids = [call.call_id for call in calls]
        grants = await look_at_grants(self._store, self._directory, tenant_id, ids) if ids else []
        return pb.ListActiveCallsResponse(
            calls=calls,
            next_page_token=token(str(cursor)) if cursor else "",
            outlooks=[outlook(each) for each in grants],
        )

    async def end(self, request: pb.EndCallRequest) -> pb.EndCallResponse:
        """Stops a call: nothing is extended any more. Raises CallUnknown."""
        check_key(request)
        tenant_id, call_id = request.tenant_id, request.call_id
        result = None
        if await self._view(tenant_id, call_id) is not None:
            result = await self._store.submit(End(tenant_id, call_id))
        if isinstance(result, CallResult):
            return pb.EndCallResponse(state=result.state)  # type: ignore[arg-type]
        if await self._calls.find(tenant_id, call_id) is None:
            raise CallUnknown
        return pb.EndCallResponse(state=common_pb2.CALL_STATE_SETTLED)

    async def _view(self, tenant_id: str, call_id: str) -> CallView | None:
        try:
            await self._directory.account(tenant_id)
        except UnknownTenant as error:
            raise CallUnknown from error
        view = await self._store.submit(LookCall(tenant_id, call_id))
        return view if isinstance(view, CallView) else None

    async def _settled(self, record: SettledCallRecord) -> common_pb2.Call:
        return ledger_replies.settled_call(record, await self._book.itemise(record))

    async def _running(self, tenant_id: str, call_id: str, view: CallView) -> common_pb2.Call:
        pricing: Pricing | None = None
        if view.state == State.SETTLED:
            with suppress(LedgerUnavailable):
                pricing = await self._book.pinned(view.pin, view.model)
        posted_n = self._store.line_of(tenant_id).posted_n
        return replies.running_call(tenant_id, call_id, view, pricing, posted_n)

    async def _active(self, tenant_id: str, call_ids: list[str]) -> list[common_pb2.Call]:
        looks = [self._store.submit(LookCall(tenant_id, call_id)) for call_id in call_ids]
        views = [(call_id, await look) for call_id, look in zip(call_ids, looks, strict=True)]
        return [
            await self._running(tenant_id, call_id, view)
            for call_id, view in views
            if isinstance(view, CallView) and view.state < State.SETTLED
        ]


def _cursor(page_token: str) -> int:
    (text,) = position(page_token, 1) or ("0",)
    if not (text.isascii() and text.isdigit() and len(text) <= 20 and int(text) < MAX_CURSOR):
        raise InvalidFields([Violation("page_token", "must be a next_page_token, unchanged")])
    return int(text)
