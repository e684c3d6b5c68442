"""The audit: live balances against the ledger, as of the same version and outbox number.

balance + unposted of the live store must equal the ledger's balance as of the numbers that were
read with them. A repair needs the same difference in two readings and moves the live balance
toward the ledger, in either direction; above the limit it waits for an operator.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import NamedTuple

import structlog

from ledger.audit import AuditReader, SetAside
from ledger.errors import LedgerError
from quota.decision import AccountView
from quota.errors import QuotaError
from quota.operation import LookAccount, Repair
from quota.store import QuotaStore, ShardReader
from server.metrics import ALARMS, AUDIT_DIFFERENCES, OUTBOX_DEPTH

EVERY_S = 60.0
# Where more were set aside, they have one cause.
ASIDES_SHOWN = 100
# Adding up all postings reads every one there is: done in the first of so many rounds.
ADD_UP_EVERY = 60
SCAN_COUNT = 500

log = structlog.get_logger(__name__)


class Difference(NamedTuple):
    """A tenant whose live balance and ledger differ; amounts in micros."""

    tenant_id: str
    live_micros: int
    ledger_micros: int
    repaired: bool


class Findings(NamedTuple):
    """What an audit found; all zero is well."""

    tenants: int
    differences: list[Difference]
    unbalanced_micros: int
    outbox_depth: int
    set_aside: int
    asides: Sequence[SetAside]


class Reading(NamedTuple):
    """An account as the live store showed it in an epoch."""

    epoch: str
    tenant_id: str
    version: int
    posted_n: int
    live: int


class Auditor:
    """Compares, and repairs where two readings agree."""

    def __init__(
        self,
        store: QuotaStore,
        readers: Sequence[ShardReader],
        audit: AuditReader,
        repair_limit_micros: int,
    ) -> None:
        self._store, self._readers, self._audit = store, readers, audit
        self._repair_limit = repair_limit_micros

    async def audit(self, tenant_id: str = "", *, repair_up_to: int = 0) -> Findings:
        """Compares one tenant or all, and adds up the ledger; repairs differences up to
        `repair_up_to` micros.
        """
        tenants, differences = await self._compare(tenant_id, repair_up_to)
        return Findings(
            tenants,
            differences,
            await self._unbalanced(),
            await self._outbox_depth(),
            await self._audit.set_aside_count(tenant_id),
            await self._audit.set_aside(tenant_id, ASIDES_SHOWN),
        )

    async def run(self) -> None:
        """Audits once a minute for ever, repairs up to the limit, and alarms."""
        rounds = 0
        while True:
            await asyncio.sleep(EVERY_S)
            try:
                await self._watch(adds_up=rounds % ADD_UP_EVERY == 0)
                rounds += 1
            except (LedgerError, QuotaError) as error:
                log.warning("audit waits", why=type(error).__name__)

    async def _watch(self, *, adds_up: bool) -> None:
        _, differences = await self._compare("", self._repair_limit)
        AUDIT_DIFFERENCES.set(len(differences))
        OUTBOX_DEPTH.set(await self._outbox_depth())
        for difference in differences:
            ALARMS.labels("audit_difference").inc()
            log.error("live balance and ledger differ", **difference._asdict())
        if adds_up and (unbalanced := await self._unbalanced()):
            ALARMS.labels("unbalanced").inc()
            log.error("the ledger does not add up", unbalanced_micros=unbalanced)

    async def _compare(self, tenant_id: str, repair_up_to: int) -> tuple[int, list[Difference]]:
        tenants, differences = 0, []
        async for shard, tenant_ids in self._portions(tenant_id):
            first = await self._differing(shard, tenant_ids)
            tenants += len(tenant_ids)
            if first:
                again = await self._differing(shard, [reading.tenant_id for reading in first])
                differences += await self._confirmed(first, again, repair_up_to)
        return tenants, differences

    async def _portions(self, tenant_id: str) -> AsyncIterator[tuple[int, list[str]]]:
        if tenant_id:
            yield self._store.line_of(tenant_id).shard, [tenant_id]
            return
        for reader in self._readers:
            cursor, begun = 0, False
            while cursor or not begun:
                begun = True
                cursor, tenant_ids = await reader.scan_tenants(cursor, SCAN_COUNT)
                if tenant_ids:
                    yield reader.shard, tenant_ids

    async def _readings(self, shard: int, tenant_ids: list[str]) -> list[Reading]:
        line = self._store.line(shard)
        epoch = line.epoch
        looks = [line.submit(LookAccount(tenant_id), epoch) for tenant_id in tenant_ids]
        views = [(tenant_id, await look) for tenant_id, look in zip(tenant_ids, looks, strict=True)]
        epoch = epoch or line.epoch
        return [
            Reading(epoch, tenant_id, view.version, view.posted_n, view.balance + view.unposted)
            for tenant_id, view in views
            if isinstance(view, AccountView)
        ]

    async def _differing(self, shard: int, tenant_ids: list[str]) -> dict[Reading, int]:
        """Readings that differ, with the ledger's balance as of their numbers."""
        readings = await self._readings(shard, tenant_ids)
        if not readings:
            return {}
        asked = [(reading.tenant_id, reading.version, reading.posted_n) for reading in readings]
        ledger = await self._audit.balances_as_of(shard, int(readings[0].epoch), asked)
        return {
            reading: ledger[reading.tenant_id]
            for reading in readings
            if ledger.get(reading.tenant_id, reading.live) != reading.live
        }

    async def _confirmed(
        self, first: dict[Reading, int], again: dict[Reading, int], repair_up_to: int
    ) -> list[Difference]:
        before = {reading.tenant_id: ledger - reading.live for reading, ledger in first.items()}
        confirmed = []
        for reading, ledger in again.items():
            gap = ledger - reading.live
            if before[reading.tenant_id] == gap:
                repaired = abs(gap) <= repair_up_to and await self._repair(reading, gap)
                confirmed.append(Difference(reading.tenant_id, reading.live, ledger, repaired))
        return confirmed

    async def _repair(self, reading: Reading, gap: int) -> bool:
        repair = Repair(reading.tenant_id, reading.version, reading.posted_n, reading.live, gap)
        return (await self._store.submit(repair, reading.epoch)).code == 0

    async def _unbalanced(self) -> int:
        return sum(abs(amount) for amount in (await self._audit.unbalanced()).values())

    async def _outbox_depth(self) -> int:
        states = [await reader.state() for reader in self._readers]
        return sum(state.last_n - state.posted_n for state in states)
