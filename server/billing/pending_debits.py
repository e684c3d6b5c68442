"""Debits that only the live store knows yet: their request ids are taken, too."""

from collections.abc import Sequence

from quota.operation import debit_key
from quota.store import QuotaStore, ShardReader
from server.errors import KeyReused


class PendingDebits:
    """What every mutation that begins in the ledger asks first."""

    def __init__(self, store: QuotaStore, readers: Sequence[ShardReader]) -> None:
        self._store, self._readers = store, readers

    async def require_unused(self, tenant_id: str, request_id: str) -> None:
        """Raises KeyReused when a debit has the request id: the ledger would refuse that one when
        it comes, after it was acknowledged.
        """
        reader = self._readers[self._store.line_of(tenant_id).shard]
        if await reader.holds(tenant_id, debit_key(request_id)):
            raise KeyReused
