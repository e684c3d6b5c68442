"""The billing side of a simulation: tenants to call for, their balances, and the final check."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import grpc

from server.simulator.exchange import AWAY
from server.simulator.tally import Tally
from tollgate.v1 import billing_pb2 as pb
from tollgate.v1 import call_authorization_pb2 as calls_pb
from tollgate.v1 import common_pb2
from tollgate.v1.billing_pb2_grpc import BillingServiceStub
from tollgate.v1.call_authorization_pb2_grpc import CallAuthorizationServiceStub

DEADLINE_S = 5.0
PATIENCE_S = 30.0
PAUSE_S = 0.2
PAGE = 1000

Reply = TypeVar("Reply")


@dataclass(slots=True)
class Verdict:
    """What the books say after a simulation; `faults` is empty when all is well."""

    audit: pb.AuditResponse | None = None
    faults: list[str] = field(default_factory=list)


class Office:
    """Asks the billing service; what is away is asked again for a bounded time."""

    def __init__(self, channel: grpc.aio.Channel, key: str) -> None:
        self.stub = BillingServiceStub(channel)
        self.calls = CallAuthorizationServiceStub(channel)
        self._metadata = (("authorization", f"Bearer {key}"),)

    async def ask(
        self,
        question: Callable[..., Awaitable[Reply]],
        request: Any,
        *,
        patience_s: float = PATIENCE_S,
    ) -> Reply:
        """The answer to a question of `stub`. Raises grpc.aio.AioRpcError."""
        ends = time.monotonic() + patience_s
        while True:
            try:
                return await question(request, metadata=self._metadata, timeout=DEADLINE_S)
            except grpc.aio.AioRpcError as error:
                if error.code() not in AWAY or time.monotonic() > ends:
                    raise
            await asyncio.sleep(PAUSE_S)

    async def end_a_call(self, tenant_id: str, prefix: str) -> str:
        """Ends the running call that began last, as an operator would; its id.

        Waits until there is one.
        """
        request = calls_pb.ListActiveCallsRequest(tenant_id=tenant_id)
        while True:
            running = await self.ask(self.calls.ListActiveCalls, request)
            ours = [call for call in running.calls if call.call_id.startswith(prefix)]
            active = [call.call_id for call in ours if call.state == common_pb2.CALL_STATE_ACTIVE]
            if active:
                end = calls_pb.EndCallRequest(tenant_id=tenant_id, call_id=max(active))
                await self.ask(self.calls.EndCall, end)
                return max(active)
            await asyncio.sleep(PAUSE_S)

    async def look(self, tally: Tally) -> None:
        """Takes down every tenant's balance; what is away stays as it was."""
        for tenant_id, counts in tally.tenants.items():
            request = pb.GetBalanceRequest(tenant_id=tenant_id)
            try:
                balance = await self.ask(self.stub.GetBalance, request, patience_s=0)
            except grpc.aio.AioRpcError:
                return
            counts.currency = balance.currency
            counts.balance_micros = balance.balance_micros
            if balance.HasField("daily_cap_micros"):
                left = balance.daily_cap_micros - balance.spent_today_micros
                counts.cap_left_micros = max(0, left)
            else:
                counts.cap_left_micros = None

    async def verdict(self, tally: Tally) -> Verdict:
        """Waits until the ledger has everything, audits, and looks for every call in the ledger."""
        verdict = Verdict()
        try:
            verdict.audit = await self._drained_audit()
            verdict.faults += _audit_faults(verdict.audit)
            verdict.faults += await self._missing_or_double(tally)
        except grpc.aio.AioRpcError as error:
            verdict.faults.append(f"the books could not be read: {error.details()}")
        verdict.faults += [f"not posted: {call_id}" for call_id in tally.not_posted]
        verdict.faults += [f"went wrong: {what}" for what in tally.wrong]
        return verdict

    async def _drained_audit(self) -> pb.AuditResponse:
        ends = time.monotonic() + PATIENCE_S
        while True:
            audit: pb.AuditResponse = await self.ask(self.stub.Audit, pb.AuditRequest())
            if not audit.outbox_depth or time.monotonic() > ends:
                return audit
            await asyncio.sleep(PAUSE_S)

    async def _missing_or_double(self, tally: Tally) -> list[str]:
        """Calls that the gateway saw posted, and that the ledger does not list exactly once."""
        faults = []
        for tenant_id in tally.tenants:
            listed = Counter([call.call_id async for call in self.settled_calls(tenant_id)])
            told = [call for tenant, call in tally.posted_calls if tenant == tenant_id]
            faults += [
                f"posted {listed[call_id]} times: {call_id}"
                for call_id in told
                if listed[call_id] != 1
            ]
        return faults

    async def settled_calls(self, tenant_id: str) -> AsyncIterator[common_pb2.Call]:
        """All of a tenant's calls in the ledger, the newest first."""
        request = pb.ListCallsRequest(tenant_id=tenant_id, page_size=PAGE)
        while True:
            page = await self.ask(self.stub.ListCalls, request)
            for call in page.calls:
                yield call
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token


def _audit_faults(audit: pb.AuditResponse) -> list[str]:
    faults = [f"live balance and ledger differ: {each.tenant_id}" for each in audit.differences]
    if audit.unbalanced_micros:
        faults.append(f"postings do not sum to zero: {audit.unbalanced_micros} micros")
    if audit.outbox_depth:
        faults.append(f"still not in the ledger: {audit.outbox_depth} entries")
    if audit.set_aside:
        faults.append(f"settlements set aside: {audit.set_aside}")
    return faults
