"""Balances and adjustments by hand. A credit begins in the ledger, a debit in the live store."""

from hashlib import blake2b

from ledger.tenants import Tenants
from quota.batch import Simple
from quota.decision import Code
from quota.operation import NONE, Debit, debit_key
from quota.store import QuotaStore
from server.background.applying import ChangeApplier
from server.billing.form import MAX_AMOUNT_MICROS, Form
from server.billing.pending_debits import PendingDebits
from server.calls.asking import final_failure
from server.calls.directory import TenantDirectory
from server.calls.replies import timestamp
from server.errors import InsufficientFunds, KeyReused
from tollgate.v1 import billing_pb2 as pb
from tollgate.v1 import common_pb2


class BalanceDesk:
    """Answers what administrators ask of balances."""

    def __init__(
        self,
        store: QuotaStore,
        debits: PendingDebits,
        directory: TenantDirectory,
        tenants: Tenants,
        applier: ChangeApplier,
    ) -> None:
        self._store, self._debits, self._directory = store, debits, directory
        self._tenants, self._applier = tenants, applier

    async def get(self, request: pb.GetBalanceRequest) -> pb.GetBalanceResponse:
        """The live balance, all from one moment."""
        form = Form()
        form.id("tenant_id", request.tenant_id)
        form.done()
        account = await self._directory.account(request.tenant_id)
        known = self._directory.learn(request.tenant_id, account.profile_version, account.profile)
        return pb.GetBalanceResponse(
            currency=known.profile.currency,
            balance_micros=account.balance,
            reserved_micros=account.reserved,
            available_micros=account.balance + account.credit_limit - account.reserved,
            spent_today_micros=dict(account.spend_by_day).get(known.day.day, 0),
            daily_cap_micros=None if account.daily_cap == NONE else account.daily_cap,
            resets_at=timestamp(known.day.day_end_ms),
            active_calls=account.active_calls,
            unposted_micros=account.unposted,
        )

    async def adjust(self, request: pb.AdjustBalanceRequest) -> pb.AdjustBalanceResponse:
        """Credits or debits by hand; a repeat moves nothing."""
        form = Form()
        form.id("request_id", request.request_id)
        form.id("tenant_id", request.tenant_id)
        form.text("reason", request.reason)
        amount = request.amount_micros
        if amount == 0 or abs(amount) > MAX_AMOUNT_MICROS:
            description = f"must be from -{MAX_AMOUNT_MICROS} to {MAX_AMOUNT_MICROS} and not 0"
            form.wrong("amount_micros", description, "AMOUNT_OUT_OF_RANGE")
        form.done()
        if amount > 0:
            posted = await self._credit(request)
        else:
            posted = await self._debit(request, -amount)
        account = await self._directory.account(request.tenant_id)
        return pb.AdjustBalanceResponse(
            settlement=(common_pb2.SETTLEMENT_POSTED if posted else common_pb2.SETTLEMENT_ACCEPTED),
            balance_micros=account.balance,
        )

    async def _credit(self, request: pb.AdjustBalanceRequest) -> bool:
        await self._debits.require_unused(request.tenant_id, request.request_id)
        credit = await self._tenants.credit(
            request.request_id, request.tenant_id, request.amount_micros, request.reason
        )
        await self._applier.apply(request.tenant_id, credit.version)
        return True

    async def _debit(self, request: pb.AdjustBalanceRequest, amount: int) -> bool:
        """Takes the money where it lives; the ledger is asked first whether it was taken before."""
        tenant_id, request_id = request.tenant_id, request.request_id
        digest = blake2b(f"{amount}|{request.reason}".encode(), digest_size=16).digest()
        known = await self._tenants.find_debit(tenant_id, request_id)
        if known is not None and known.digest == digest:
            return True
        if known is not None or await self._tenants.has_answered(tenant_id, request_id):
            raise KeyReused
        await self._directory.account(tenant_id)
        note = request.reason.encode()
        debit = Debit(tenant_id, debit_key(request_id), amount, digest, note)
        result = await self._store.submit(debit)
        if result.code == Code.INSUFFICIENT:
            raise InsufficientFunds
        if not isinstance(result, Simple):
            raise final_failure(result)
        posting = self._store.posting(tenant_id, result.number)
        return await self._store.wait_posted(tenant_id, posting)
