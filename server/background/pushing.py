"""The pusher of a shard: what something outside a call means for it reaches its stream.

Every process listens to the shards and tells the calls that its own streams carry.
"""

import asyncio
from collections.abc import Sequence

import structlog

from ledger.errors import LedgerError
from quota.changes import FateChange, listening
from quota.decision import CallResult, Change, Directive
from quota.errors import QuotaError
from quota.store import QuotaStore
from quota.topology import Topology
from server.calls.directory import TenantDirectory
from server.calls.outlook import look_at_grants
from server.calls.session.sessions import Sessions
from server.metrics import PUSHES
from tollgate.v1 import call_authorization_pb2 as pb

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 2.0

log = structlog.get_logger(__name__)


class Pusher:
    """Listens to one shard for ever. What is told while nobody listens is lost: the next reply to
    each call makes up for it.
    """

    def __init__(
        self,
        shard: int,
        topology: Topology,
        store: QuotaStore,
        directory: TenantDirectory,
        sessions: Sessions,
    ) -> None:
        self._shard, self._topology = shard, topology
        self._store, self._directory, self._sessions = store, directory, sessions

    async def run(self) -> None:
        """Listens, and comes back when the store was away."""
        pause_s = FIRST_PAUSE_S
        while True:
            try:
                async with listening(self._topology, self._shard) as heard:
                    pause_s = FIRST_PAUSE_S
                    async for changes in heard:
                        await self._pass_on(changes)
            except QuotaError as error:
                log.warning("pushes wait", shard=self._shard, why=str(error)[:200])
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    async def _pass_on(self, changes: Sequence[FateChange]) -> None:
        for tenant, call_id, change in dict.fromkeys(changes):
            if change is Change.ENDED:
                self._push(tenant, call_id, Directive.HANG_UP)
            elif change is Change.RAISED:
                for carried in self._sessions.carried(tenant):
                    self._push(tenant, carried, pb.DIRECTIVE_REPORT_NOW)
            else:
                await self._tell_the_bounded(tenant)

    async def _tell_the_bounded(self, tenant: str) -> None:
        """Tells those calls of a tenant that do not simply go on under its new bounds."""
        calls = sorted(self._sessions.carried(tenant))
        try:
            results = await look_at_grants(self._store, self._directory, tenant, calls)
        except (QuotaError, LedgerError) as error:
            log.warning("calls are not told of new bounds", why=str(error)[:200])
            return
        for call_id, result in zip(calls, results, strict=True):
            if isinstance(result, CallResult) and result.directive != Directive.CONTINUE:
                self._push(tenant, call_id, result.directive)

    def _push(self, tenant: str, call_id: str, directive: int) -> None:
        PUSHES.labels(pb.Directive.Name(directive).removeprefix("DIRECTIVE_")).inc()  # type: ignore[arg-type]
        self._sessions.push(tenant, call_id, directive)
