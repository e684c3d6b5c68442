"""The call desk: authorize, charge and settle, decided once for every transport.

A call that the live store does not hold is looked for in the ledger before anything is said of
it; so nothing is lost while gateways live, and nothing is charged twice.
"""

from collections.abc import Mapping
from datetime import UTC, datetime

from ledger.call import SettledCallRecord
from ledger.calls import Calls
from ledger.errors import UnknownTenant
from quota.decision import CallResult, Reason, State
from quota.operation import NONE, LookCall
from quota.store import QuotaStore
from server.calls import ledger_replies, replies
from server.calls.asking import Asker
from server.calls.conclusions import Conclusions, Settled, count_decision, count_directive
from server.calls.directory import Known, TenantDirectory
from server.calls.first_try import FirstTry
from server.calls.packing import unpack_usage
from server.calls.price_book import PriceBook, Pricing
from server.calls.questions import (
    AuthorizeQuestion,
    ChargeQuestion,
    SettleQuestion,
    elapsed_of,
    key_of,
    parties_of,
    quantities_of,
)
from server.calls.tariff_choice import named_version
from server.calls.validation import check_authorize, check_charge, check_settle
from server.errors import CallUnknown, InvalidFields, Violation
from tollgate.v1 import call_authorization_pb2 as pb
from tollgate.v1 import common_pb2

OUTCOME_INCOMPLETE = int(common_pb2.OUTCOME_INCOMPLETE)


class CallDesk:
    """Decides what gateways ask. Raises `server.errors.Failure`, or that a store is away."""

    def __init__(
        self,
        store: QuotaStore,
        directory: TenantDirectory,
        book: PriceBook,
        calls: Calls,
        conclusions: Conclusions,
    ) -> None:
        self._store, self._directory, self._book = store, directory, book
        self._calls, self._conclusions = calls, conclusions
        self._asker = Asker(store, directory, book)
        self.first_try = FirstTry(store, directory, book, conclusions)

    async def authorize(self, request: pb.AuthorizeRequest) -> pb.AuthorizeResponse:
        """Decides whether a call may start, or, with usage, whether a re-opened one goes on."""
        attempt = self.first_try.authorize(request, key_of(request))
        if attempt is not None:
            told = pb.OperationResult()
            result = await self._store.submit(attempt.operation)
            if attempt.tell(attempt, result, told) is not None:
                return told.authorize
        return await self.authorize_with_care(request)

    async def charge(self, request: pb.ChargeRequest) -> pb.ChargeResponse:
        """Charges the rise of a call's usage and extends its grant."""
        operation = self.first_try.charge(request, key_of(request))
        if operation is not None:
            result = await self._store.submit(operation)
            if self.first_try.is_plain_charge(result):
                reply = pb.ChargeResponse()
                self.first_try.put_charged(result, reply)
                return reply
        return await self.charge_with_care(request)

    async def authorize_with_care(self, request: pb.AuthorizeRequest) -> pb.AuthorizeResponse:
        """Decides an Authorize, mending whatever keeps it from being decided."""
        check_authorize(request)
        try:
            known = await self._directory.known(request.tenant_id)
        except UnknownTenant:
            count_decision(Reason.UNKNOWN_TENANT)
            return replies.refused(replies.refusal(Reason.UNKNOWN_TENANT, 0, 0, NONE, 0, 0))
        record = None
        if request.HasField("usage"):
            record = await self._only_in_ledger(request.tenant_id, request.call_id)
        if record is None:
            return await self._authorize_live(request, known)
        reply = await self._refuse_settled(request, record)
        self._conclusions.note(request, known, reply)
        return reply

    async def charge_with_care(self, request: pb.ChargeRequest) -> pb.ChargeResponse:
        """Decides a Charge, mending whatever keeps it from being decided."""
        quantities = quantities_of(request.usage)
        check_charge(request, quantities)
        call = tenant_id, _ = key_of(request)
        question = ChargeQuestion(call, quantities, elapsed_of(request))
        believed = self._book.remembered(call)
        try:
            result, pricing = await self._asker.ask(tenant_id, believed, question)
        except UnknownTenant:
            return replies.nobody_holds()
        if result is None:
            return await self._charge_unheld(request, quantities)
        if result.state == State.SETTLED:
            posted = self._store.posting(tenant_id, result.n).posted
            await self._note_late_usage(request, result, quantities, posted)
        elif pricing is not believed and pricing is not None:
            self._book.remember(call, pricing)
        count_directive(result.directive)
        return replies.charged(result)

    async def settle(self, request: pb.SettleRequest) -> Settled:
        """Closes a call. The reply says POSTED only if that is known without waiting."""
        check_settle(request)
        quantities = quantities_of(request.usage)
        believed = self._book.remembered(key_of(request))
        question = SettleQuestion(request, quantities, opens=False)
        try:
            result, pricing = await self._asker.ask(request.tenant_id, believed, question)
            if result is None:
                record = await self._calls.find(request.tenant_id, request.call_id)
                if record is not None:
                    return await self._settled_before(request, record, question)
                result, pricing = await self._open_and_settle(request, quantities)
        except UnknownTenant as error:
            raise CallUnknown from error
        posting = self._store.posting(request.tenant_id, result.n)
        if pricing is None or pricing.pin != result.pin:
            pricing = await self._book.pinned(result.pin, result.model)
        settled = self._conclusions.settled(request, result, pricing, posting)
        await self._note_late_usage(request, result, quantities, posting.posted)
        return settled

    async def settle_and_wait(self, request: pb.SettleRequest) -> pb.SettleResponse:
        """Closes a call, and waits up to 50 ms for its posting."""
        settled = await self.settle(request)
        awaited = settled.awaited
        if awaited and await self._store.wait_posted(request.tenant_id, awaited):
            if settled.closed_before:
                return (await self.settle(request)).reply
            settled.reply.settlement = common_pb2.SETTLEMENT_POSTED
        return settled.reply

    async def _authorize_live(
        self, request: pb.AuthorizeRequest, known: Known
    ) -> pb.AuthorizeResponse:
        question = AuthorizeQuestion(request, self._store.timing)

        async def choose(known: Known) -> Pricing | None:
            return await self._book.for_new_call(
                known.profile.tariff, request.model, request.analytics
            )

        result, pricing = await self._asker.ask(request.tenant_id, None, question, choose)
        assert result is not None
        return self._conclusions.authorized(request, known, result, pricing)

    async def _only_in_ledger(self, tenant_id: str, call_id: str) -> SettledCallRecord | None:
        """The call as the ledger holds it, if the live store does not."""
        await self._directory.account(tenant_id)
        view = await self._store.submit(LookCall(tenant_id, call_id))
        return await self._calls.find(tenant_id, call_id) if view.code else None

    async def _refuse_settled(
        self, request: pb.AuthorizeRequest, record: SettledCallRecord
    ) -> pb.AuthorizeResponse:
        ledger_replies.require_same_call(record, request.model, parties_of(request))
        account = await self._directory.account(request.tenant_id)
        known = await self._directory.known(request.tenant_id)
        refusal = replies.refusal(
            Reason.CALL_ALREADY_SETTLED,
            account.balance + account.credit_limit - account.reserved,
            account.reserved,
            account.daily_cap,
            dict(account.spend_by_day).get(known.day.day, 0),
            known.day.day_end_ms,
        )
        return replies.refused(refusal, State.SETTLED)

    async def _charge_unheld(
        self, request: pb.ChargeRequest, quantities: Mapping[str, int]
    ) -> pb.ChargeResponse:
        record = await self._calls.find(request.tenant_id, request.call_id)
        if record is None:
            return replies.nobody_holds()
        await self._record_late(request, record.outcome, record.usage, quantities)
        return ledger_replies.charged(record)

    async def _open_and_settle(
        self, request: pb.SettleRequest, quantities: dict[str, int]
    ) -> tuple[CallResult, Pricing | None]:
        """Opens, charges and settles a call that nobody holds, in one step."""

        async def choose(known: Known) -> Pricing:
            name, version = named_version(request.tariff_version, known.profile.tariff)
            at = request.started_at if request.HasField("started_at") else None
            when = at.ToDatetime(UTC) if at else datetime.now(UTC)
            pricing = await self._book.at(name, version, request.model, request.analytics, when)
            if pricing is None and version is None:  # it started before the tariff did
                pricing = await self._book.for_new_call(name, request.model, request.analytics)
            if pricing is None:
                raise InvalidFields(
                    [Violation("model", "is not priced by the call's tariff", "UNKNOWN_MODEL")]
                )
            if pricing.currency != known.profile.currency:
                raise InvalidFields(
                    [Violation("tariff_version", "is in another currency than the tenant")]
                )
            return pricing

        opening = SettleQuestion(request, quantities, opens=True)
        result, pricing = await self._asker.ask(request.tenant_id, None, opening, choose)
        assert result is not None
        return result, pricing

    async def _settled_before(
        self, request: pb.SettleRequest, record: SettledCallRecord, question: SettleQuestion
    ) -> Settled:
        ledger_replies.require_same_call(record, request.model, parties_of(request))
        ledger_replies.require_same_settle(record, question.digest)
        await self._record_late(request, record.outcome, record.usage, question.quantities)
        return Settled(ledger_replies.settled(record), None)

    async def _note_late_usage(
        self,
        request: pb.ChargeRequest | pb.SettleRequest,
        result: CallResult,
        quantities: Mapping[str, int],
        posted: bool,
    ) -> None:
        """Records usage that came after a call was closed without its gateway.

        Only once it is posted: the gateway repeats until it is.
        """
        if result.known and posted:
            await self._record_late(request, result.outcome, unpack_usage(result.usage), quantities)

    async def _record_late(
        self,
        request: pb.ChargeRequest | pb.SettleRequest,
        outcome: int,
        counted: Mapping[str, int],
        quantities: Mapping[str, int],
    ) -> None:
        late = any(quantity > counted.get(meter, 0) for meter, quantity in quantities.items())
        if outcome == OUTCOME_INCOMPLETE and late:
            elapsed_ms = request.elapsed_ms if request.HasField("elapsed_ms") else None
            told = {meter: quantity for meter, quantity in quantities.items() if quantity}
            await self._calls.record_late_usage(
                request.tenant_id, request.call_id, told, elapsed_ms
            )
