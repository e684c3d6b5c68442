"""Brings what Postgres decided about tenants to the live store: exactly the next version each."""

import asyncio
from collections.abc import Sequence

import structlog

from ledger.errors import LedgerError
from ledger.tenants import Tenants
from quota.decision import AccountView, Code, Refused
from quota.errors import QuotaError, StoreUnavailable
from quota.operation import LookAccount
from quota.store import QuotaStore, ShardReader
from server.background.keeper import ShardKeeper
from server.calls.directory import TenantDirectory, apply_of
from server.metrics import ALARMS

LOOK_EVERY_S = 0.5
PORTION = 500
MAX_ROUNDS = 5
SCAN_COUNT = 500

log = structlog.get_logger(__name__)


class ChangeRefused(Exception):
    """The live store can never apply a change of this tenant: its account cannot be read."""


class ChangeApplier:
    """Applies changes at once after they are made, and later those that were missed."""

    def __init__(
        self,
        store: QuotaStore,
        readers: Sequence[ShardReader],
        tenants: Tenants,
        directory: TenantDirectory,
        keeper: ShardKeeper,
    ) -> None:
        self._store, self._readers, self._keeper = store, readers, keeper
        self._tenants, self._directory = tenants, directory

    async def apply(self, tenant_id: str, version: int) -> None:
        """Brings the tenant's changes up to `version` to the live store.

        Raises StoreUnavailable; the change stays in the ledger and is applied later.
        """
        await self._apply_all_after(tenant_id, version - 1)
        await self._tenants.mark_applied(tenant_id, version)

    async def catch_up(self) -> int:
        """Applies every change that the ledger does not know to be applied; returns how many
        there may be more of. A tenant whose account is corrupt keeps no other waiting.
        """
        pending = await self._tenants.unapplied(PORTION)
        newest: dict[str, int] = {}
        for tenant_id, version in pending:
            newest[tenant_id] = max(version, newest.get(tenant_id, 0))
        refused = 0
        for tenant_id, version in newest.items():
            try:
                await self.apply(tenant_id, version)
            except ChangeRefused as error:
                refused += 1
                ALARMS.labels("change_refused").inc()
                log.error("a change cannot be applied", tenant=tenant_id, why=str(error))
        return 0 if refused else len(pending)

    async def catch_up_tenant(self, tenant_id: str) -> None:
        """Brings one tenant to the version that the ledger has now. Raises what `apply` raises, and
        ChangeRefused when the account cannot be read.
        """
        try:
            held = await self._directory.account(tenant_id)
        except RuntimeError as error:
            raise ChangeRefused(str(error)) from error
        newest = (await self._tenants.versions([tenant_id])).get(tenant_id, 0)
        if held.version < newest:
            await self.apply(tenant_id, newest)

    async def catch_up_shard(self, reader: ShardReader) -> None:
        """Applies what a store that came back may have forgotten, for every tenant it holds."""
        cursor, begun = 0, False
        while cursor or not begun:
            begun = True
            cursor, tenant_ids = await reader.scan_tenants(cursor, SCAN_COUNT)
            looks = [self._store.submit(LookAccount(tenant_id)) for tenant_id in tenant_ids]
            newest = await self._tenants.versions(tenant_ids)
            for tenant_id, look in zip(tenant_ids, looks, strict=True):
                view = await look
                if isinstance(view, AccountView) and view.version < newest.get(tenant_id, 0):
                    await self._apply_all_after(tenant_id, view.version)

    async def run(self) -> None:
        """Catches up for ever; waits out stores that are away."""
        runs_seen = 0
        while True:
            try:
                while await self.catch_up() >= PORTION:
                    pass
                for reader in self._readers:
                    self._store.line(reader.shard).look()  # a new run is noticed when idle
                if runs_seen != (runs := self._keeper.admitted_runs):
                    for reader in self._readers:
                        await self.catch_up_shard(reader)
                    runs_seen = runs
            except (LedgerError, QuotaError) as error:
                log.warning("changes wait", why=type(error).__name__)
            await asyncio.sleep(LOOK_EVERY_S)

    async def _apply_all_after(self, tenant_id: str, after: int) -> None:
        """Applies the changes after a version, and those before them that are missing."""
        for _ in range(MAX_ROUNDS):
            applied = await self._apply_after(tenant_id, after)
            if applied is None:
                return
            after = applied
        raise StoreUnavailable("a change of the tenant could not be applied yet")

    async def _apply_after(self, tenant_id: str, after: int) -> int | None:
        """Applies the changes after a version; the applied version when some before are missing."""
        changes = await self._tenants.changes(tenant_id, after)
        answers = [self._store.submit(apply_of(tenant_id, change)) for change in changes]
        for answer in answers:
            result = await answer
            if not isinstance(result, Refused):
                continue
            if result.code == Code.VERSION_GAP:
                return int(result.detail[0])
            if result.code == Code.NOT_LOADED:
                await self._directory.load(tenant_id)
                return after
            raise ChangeRefused(f"a change was answered {Code(result.code).name}")
        return None
