"""What running calls would be told now, had they reported what they reported last."""

from collections.abc import Sequence

from quota.batch import Result
from quota.decision import CallResult, Code, Directive, Refused
from quota.operation import LookGrant
from quota.shard_line import MAX_BATCH
from quota.store import QuotaStore
from server.calls.directory import TenantDirectory
from server.calls.replies import grant
from tollgate.v1 import call_authorization_pb2 as pb

MAX_ROUNDS = 3


async def look_at_grants(
    store: QuotaStore, directory: TenantDirectory, tenant_id: str, call_ids: Sequence[str]
) -> list[Result]:
    """What each call's next report would be answered; nothing is changed by asking."""
    results: list[Result] = []
    for first in range(0, len(call_ids), MAX_BATCH):
        results += await _look(store, directory, tenant_id, call_ids[first : first + MAX_BATCH])
    return results


async def _look(
    store: QuotaStore, directory: TenantDirectory, tenant_id: str, call_ids: Sequence[str]
) -> Sequence[Result]:
    known, line = await directory.known(tenant_id), store.line_of(tenant_id)
    results: Sequence[Result] = ()
    for _ in range(MAX_ROUNDS):
        looks = [LookGrant(tenant_id, call_id, known.version, known.day) for call_id in call_ids]
        results = await line.submit_all(looks)
        stale = next((each for each in results if each.code == Code.STALE_PROFILE), None)
        if not isinstance(stale, Refused):
            break
        known = directory.learn(tenant_id, int(stale.detail[0]), str(stale.detail[1]))
    return results


def outlook(result: Result) -> pb.Outlook:
    """An outlook as clients read it; a call that is gone meanwhile has none but to hang up."""
    if not isinstance(result, CallResult):
        return pb.Outlook(directive=pb.DIRECTIVE_HANG_UP)
    directive = Directive(result.directive)
    return pb.Outlook(directive=int(directive), grant=grant(result))  # type: ignore[arg-type]
