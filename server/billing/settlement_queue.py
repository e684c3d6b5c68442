"""What the live store has settled and the ledger does not hold yet."""

from collections.abc import Sequence
from datetime import datetime

from quota.outbox import SettledEntry, UnreadableEntry
from quota.store import QuotaStore, ShardReader


class SettlementQueue:
    """Tells whether a time is wholly in the ledger: entries are posted in their order."""

    def __init__(self, store: QuotaStore, readers: Sequence[ShardReader]) -> None:
        self._store, self._readers = store, readers

    async def holds_before(self, tenant_id: str, moment: datetime) -> bool:
        """Whether something from before `moment` may be missing for the tenant."""
        reader = self._readers[self._store.line_of(tenant_id).shard]
        state = await reader.state()
        first = await reader.outbox_after(state.posted_n, 1, None)
        if not first:
            return False
        if isinstance(first[0], UnreadableEntry):
            return True
        entry = first[0]
        at_ms = entry.settled_at_ms if isinstance(entry, SettledEntry) else entry.at_ms
        return at_ms < moment.timestamp() * 1000
