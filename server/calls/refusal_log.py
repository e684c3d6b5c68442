"""Counts refusals in memory and writes them to the ledger in groups, off every call's path."""

import asyncio
from collections import Counter, deque
from datetime import UTC, datetime

import structlog

from ledger.errors import LedgerError
from ledger.refusals import Refusal, RefusalKey, Refusals
from tollgate.v1 import call_authorization_pb2 as pb

FLUSH_S = 2.0
MAX_DETAILS = 10_000

log = structlog.get_logger(__name__)


class RefusalLog:
    """Per tenant, day and reason a count; of the latest ones the details."""

    def __init__(self, refusals: Refusals) -> None:
        self._refusals = refusals
        self._counts: Counter[RefusalKey] = Counter()
        self._details: deque[Refusal] = deque(maxlen=MAX_DETAILS)

    def note(self, day: str, request: pb.AuthorizeRequest, refusal: pb.Refusal) -> None:
        """Counts one refusal."""
        reason = pb.RefusalReason.Name(refusal.reason).removeprefix("REFUSAL_REASON_")
        self._counts[RefusalKey(request.tenant_id, day, reason)] += 1
        self._details.append(
            Refusal(
                tenant=request.tenant_id,
                at=datetime.now(UTC),
                reason=reason,
                call_id=request.call_id,
                model=request.model,
                caller=request.caller,
                callee=request.callee,
                direction=int(request.direction),
                assistant_id=request.assistant_id,
            )
        )

    async def flush(self) -> None:
        """Writes what was counted; keeps it when the ledger is away."""
        counts, self._counts = self._counts, Counter()
        details, self._details = self._details, deque(maxlen=MAX_DETAILS)
        if not counts:
            return
        try:
            await self._refusals.flush(counts, list(details))
        except LedgerError as error:
            log.warning("refusals are not written yet", error=type(error).__name__)
            self._counts.update(counts)
            self._details.extendleft(reversed(details))

    async def keep_flushing(self) -> None:
        """Flushes every two seconds for ever."""
        while True:
            await asyncio.sleep(FLUSH_S)
            await self.flush()
