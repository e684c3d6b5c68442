"""The live balance as a stream: at once, and within a second of every change."""

import asyncio
from collections.abc import AsyncGenerator

from server.billing.form import Form
from server.calls.directory import TenantDirectory
from server.errors import Draining, Overloaded
from tollgate.v1 import history_pb2 as pb

# A look travels with the batches that go to the live store anyway.
LOOK_EVERY_S = 0.5
MAX_WATCHERS = 200
RETRY_MS = 5_000


class BalanceWatch:
    """Looks twice a second for each watcher and tells what changed."""

    def __init__(self, directory: TenantDirectory) -> None:
        self._directory = directory
        self._watchers = 0
        self._draining = False

    def drain(self) -> None:
        """Ends every watch within a look: its client is to go elsewhere."""
        self._draining = True

    async def watch(
        self, request: pb.WatchBalanceRequest
    ) -> AsyncGenerator[pb.WatchBalanceResponse, None]:
        """For ever. Raises Draining, Overloaded, and what the stores raise when they are away."""
        form = Form()
        form.id("tenant_id", request.tenant_id)
        form.done()
        if self._watchers >= MAX_WATCHERS:
            raise Overloaded(RETRY_MS)
        self._watchers += 1
        try:
            told = None
            while True:
                if self._draining:
                    raise Draining
                seen = await self._look(request.tenant_id)
                if seen != told:
                    told = seen
                    yield seen
                await asyncio.sleep(LOOK_EVERY_S)
        finally:
            self._watchers -= 1

    async def _look(self, tenant_id: str) -> pb.WatchBalanceResponse:
        account = await self._directory.account(tenant_id)
        known = self._directory.learn(tenant_id, account.profile_version, account.profile)
        return pb.WatchBalanceResponse(
            currency=known.profile.currency,
            balance_micros=account.balance,
            reserved_micros=account.reserved,
            available_micros=account.balance + account.credit_limit - account.reserved,
            spent_today_micros=dict(account.spend_by_day).get(known.day.day, 0),
            active_calls=account.active_calls,
        )
