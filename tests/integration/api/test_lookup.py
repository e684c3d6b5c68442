"""Looking at calls and balances: from both stores, in pages."""

import asyncio
from collections.abc import Sequence
from typing import Any

import grpc
from google.protobuf.timestamp_pb2 import Timestamp

from tests.integration.api.client import Told
from tests.integration.api.gateway import Gateway
from tests.integration.api.installation import Installation, usage
from tollgate.v1 import billing_pb2 as billing
from tollgate.v1 import call_authorization_pb2 as pb
from tollgate.v1 import common_pb2

CALL_UNKNOWN = Told(grpc.StatusCode.NOT_FOUND, "CALL_UNKNOWN")


async def pages(gateway: Gateway, request: Any, most: int = 1_000) -> list[Sequence[Any]]:
    """Every page, until there is no next one."""
    found = []
    for _ in range(most):
        reply = await gateway.client(request)
        found.append(next(value for field, value in reply.ListFields() if field.number == 1))
        if not reply.next_page_token:
            return found
        request.page_token = reply.next_page_token
    raise AssertionError("pages do not end")


async def test_get_call_shows_a_running_call(gateway: Gateway) -> None:
    await gateway.accepted(assistant_id="anna", analytics=True)
    await gateway.charge("c1", 10)
    call = await gateway.call()
    assert (call.tenant_id, call.call_id, call.state) == (
        "acme",
        "c1",
        common_pb2.CALL_STATE_ACTIVE,
    )
    assert (call.model, call.caller, call.callee) == ("clock", "+7000", "+7111")
    assert (call.assistant_id, call.analytics, call.tariff_version) == ("anna", True, "clock@1")
    assert (call.usage, call.elapsed_ms) == (usage(10), 10_000)
    assert (call.rated_micros, call.charged_micros) == (12_000, 12_000)
    assert call.lease_expires_at.seconds - call.authorized_at.seconds in (59, 60, 61)
    assert not call.HasField("answered_at")


async def test_a_call_nobody_holds_is_unknown(gateway: Gateway) -> None:
    get = pb.GetCallRequest(tenant_id="acme", call_id="nobody")
    assert await gateway.told(get) == CALL_UNKNOWN
    end = pb.EndCallRequest(tenant_id="acme", call_id="nobody")
    assert await gateway.told(end) == CALL_UNKNOWN


async def test_calls_of_an_unknown_tenant_are_unknown_alike(installation: Installation) -> None:
    gateway = Gateway(installation.admin, "nobody")
    get = pb.GetCallRequest(tenant_id="nobody", call_id="c1")
    assert await gateway.told(get) == CALL_UNKNOWN


async def test_active_calls_are_listed_page_by_page(
    installation: Installation, gateway: Gateway
) -> None:
    await installation.adjust("acme", 100_000_000)
    names = {f"c{number}" for number in range(1_500)}
    await installation.tenant("acme2", balance=100_000)
    await Gateway(installation.admin, "acme2").accepted("other")
    await gateway.accepted("settled")
    await gateway.settle("settled", 5)
    await authorize_all(gateway, names)
    request = pb.ListActiveCallsRequest(tenant_id="acme", page_size=100)
    listed = [call.call_id for page in await pages(gateway, request) for call in page]
    assert set(listed) == names


async def authorize_all(gateway: Gateway, call_ids: set[str]) -> None:
    """Authorizes calls, a hundred at a time."""
    waiting = sorted(call_ids)
    while waiting:
        portion, waiting = waiting[:100], waiting[100:]
        await asyncio.gather(*(gateway.accepted(call_id) for call_id in portion))


async def test_a_tenant_without_calls_has_one_empty_page(gateway: Gateway) -> None:
    reply = await gateway.client(pb.ListActiveCallsRequest(tenant_id="acme"))
    assert (list(reply.calls), reply.next_page_token) == ([], "")


async def test_settled_calls_are_listed_newest_first_page_by_page(gateway: Gateway) -> None:
    for number in range(7):
        await gateway.posted(f"c{number}", 5)
    request = billing.ListCallsRequest(tenant_id="acme", page_size=3)
    listed = [[call.call_id for call in page] for page in await pages(gateway, request)]
    assert listed == [["c6", "c5", "c4"], ["c3", "c2", "c1"], ["c0"]]


async def test_settled_calls_are_found_by_their_time(gateway: Gateway) -> None:
    await gateway.posted("c1", 5)
    for settled_from, settled_before, found in (
        (1_700_000_000, 4_000_000_000, ["c1"]),
        (4_000_000_000, None, []),
        (None, 1_700_000_000, []),
    ):
        request = billing.ListCallsRequest(tenant_id="acme")
        if settled_from is not None:
            request.settled_from.CopyFrom(Timestamp(seconds=settled_from))
        if settled_before is not None:
            request.settled_before.CopyFrom(Timestamp(seconds=settled_before))
        reply = await gateway.client(request)
        assert [call.call_id for call in reply.calls] == found


async def test_tenants_are_listed_page_by_page(installation: Installation) -> None:
    for name in ("a", "b", "c"):
        await installation.tenant(name)
    request = billing.ListTenantsRequest(page_size=2)
    listed = await pages(Gateway(installation.admin), request)
    assert [[tenant.tenant_id for tenant in page] for page in listed] == [["a", "b"], ["c"]]


async def test_the_balance_of_an_unknown_tenant_is_not_found(installation: Installation) -> None:
    request = billing.GetBalanceRequest(tenant_id="nobody")
    assert await installation.admin.told(request) == Told(
        grpc.StatusCode.NOT_FOUND, "UNKNOWN_TENANT"
    )


async def test_the_balance_of_a_tenant_whom_the_live_store_lost_is_loaded(
    installation: Installation, gateway: Gateway
) -> None:
    await gateway.posted("c1", 10)
    await installation.lose_everything()
    balance = await installation.balance()
    assert (balance.balance_micros, balance.spent_today_micros) == (990_000, 10_000)


async def test_active_calls_come_with_what_each_would_be_told(
    installation: Installation, gateway: Gateway
) -> None:
    await gateway.accepted("goes-on")
    await gateway.accepted("ended")
    await gateway.client(pb.EndCallRequest(tenant_id="acme", call_id="ended"))
    reply = await gateway.client(pb.ListActiveCallsRequest(tenant_id="acme"))
    told = {
        call.call_id: outlook for call, outlook in zip(reply.calls, reply.outlooks, strict=True)
    }
    assert told["goes-on"].directive == pb.DIRECTIVE_CONTINUE
    assert told["goes-on"].grant.seconds_left == 60
    assert told["ended"].directive == pb.DIRECTIVE_HANG_UP
    await installation.update("acme", daily_cap_micros=0)
    reply = await gateway.client(pb.ListActiveCallsRequest(tenant_id="acme"))
    assert pb.DIRECTIVE_FINISH in [outlook.directive for outlook in reply.outlooks]


async def test_looking_at_calls_changes_nothing(gateway: Gateway) -> None:
    await gateway.accepted()
    before = await gateway.call()
    await gateway.client(pb.ListActiveCallsRequest(tenant_id="acme"))
    assert await gateway.call() == before
