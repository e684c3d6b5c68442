"""Takes note of payments in the ledger, then brings what follows to the live store at once.

The second half may fail or be cut off at any point: background work does it again.
"""

import asyncio

import structlog

from ledger.errors import LedgerError
from ledger.payments.top_up import Notice, Recorded
from ledger.payments.top_ups import TopUps
from quota.errors import QuotaError
from server.background.applying import ChangeApplier, ChangeRefused
from server.payments.returning import Returner

WITHIN_S = 2.0

log = structlog.get_logger(__name__)


class Cashier:
    """Every payment, refund and dispute comes by here."""

    def __init__(self, top_ups: TopUps, applier: ChangeApplier, returner: Returner) -> None:
        self._top_ups, self._applier, self._returner = top_ups, applier, returner

    async def take(self, provider: str, notice: Notice) -> Recorded | None:
        """Takes note of an event. Answers and raises as TopUps.record does."""
        recorded = await self._top_ups.record(provider, notice)
        if recorded is not None:
            await self.follow(recorded)
        return recorded

    async def follow(self, recorded: Recorded) -> None:
        """Applies and moves what an event led to; never raises for a store that is away."""
        if not recorded.version and not recorded.return_id:
            return
        tenant_id = recorded.top_up.tenant
        try:
            async with asyncio.timeout(WITHIN_S):
                if recorded.version:
                    await self._applier.apply(tenant_id, recorded.version)
                if recorded.return_id:
                    await self._returner.move_open()
        except (LedgerError, QuotaError, ChangeRefused, TimeoutError) as error:
            log.warning("a payment waits for the live store", why=type(error).__name__)
