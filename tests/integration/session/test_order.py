"""Order within a call, whichever way its operations go; different calls do not wait for each
other.
"""

import os
import signal
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

import grpc
import pytest
from redis.crc import key_slot

from quota.keys import shard_of
from server import app
from tests.integration.api.conftest import Install
from tests.integration.api.gateway import Gateway
from tests.integration.api.installation import ADMIN_KEY, Installation, installed
from tests.integration.api.stream import Stream, stream
from tests.proxy import Proxy
from tests.valkey_cluster import ValkeyCluster
from tollgate.v1 import call_authorization_pb2 as pb
from tollgate.v1 import common_pb2

Proxied = Callable[[str], Coroutine[Any, Any, Proxy]]
MANY = 1_000


def a_life(gateway: Gateway) -> list[Any]:
    """A call from start to end."""
    return [
        gateway.authorization("c1"),
        gateway.report("c1", 10),
        gateway.report("c1", 20),
        gateway.settlement("c1", 30),
    ]


def assert_lived(results: list[pb.OperationResult], session: Stream) -> None:
    """Each operation was decided behind the one before it, and answered so."""
    one, two, three, four = results
    assert one.authorize.decision == pb.DECISION_ACCEPTED
    assert (two.charge.charged_micros, three.charge.charged_micros) == (10_000, 20_000)
    assert four.settle.charged_micros == 30_000
    assert first_answers(session) == [each.id for each in results]


def first_answers(session: Stream) -> list[int]:
    """The operations in the order in which they were answered first."""
    return list(dict.fromkeys(each.id for each in session.results))


async def test_a_call_of_a_tenant_that_nobody_knows_yet_is_decided_in_order(
    installation: Installation, gateway: Gateway, session: Stream
) -> None:
    await installation.lose_everything()
    installation.parts.directory._known.clear()
    assert_lived(await session.ask(*a_life(gateway)), session)
    await installation.settled_down()


async def test_a_call_under_a_profile_that_changed_elsewhere_is_decided_in_order(
    installation: Installation, gateway: Gateway, session: Stream, install: Install
) -> None:
    await gateway.accepted("another")
    async with install(posts=False) as beside:
        await beside.update("acme", time_zone="Asia/Tokyo")
        assert_lived(await session.ask(*a_life(gateway)), session)


async def test_reports_whose_pin_this_process_does_not_know_are_decided_in_order(
    installation: Installation, gateway: Gateway, session: Stream
) -> None:
    start, *rest = a_life(gateway)
    [started] = await session.ask(start)
    installation.parts.book.forget(("acme", "c1"))
    assert_lived([started, *await session.ask(*rest)], session)


async def test_messages_of_one_call_are_decided_in_order(gateway: Gateway, session: Stream) -> None:
    ids = [(await session.send(request))[0] for request in a_life(gateway)]
    assert_lived([await session.result(each) for each in ids], session)


async def test_a_thousand_operations_of_one_call_are_decided_in_order(
    installation: Installation, gateway: Gateway, session: Stream
) -> None:
    reports = [gateway.report("c1", 4 + number / 8) for number in range(MANY - 2)]
    results = await session.ask(
        gateway.authorization("c1"), *reports, gateway.settlement("c1", 200)
    )
    charged = [each.charge.charged_micros for each in results[1:-1]]
    assert charged == [4_000 + number * 125 for number in range(MANY - 2)]
    assert results[-1].settle.charged_micros == 200_000
    assert first_answers(session) == [each.id for each in results]
    await installation.settled_down()


@pytest.mark.parametrize(
    ("requests", "code"),
    [
        ([pb.ChargeRequest(tenant_id="acme", call_id="!")] * MANY, "INVALID_ARGUMENT"),
        ([pb.SettleRequest(tenant_id="acme", call_id="c1")] * MANY, "INVALID_ARGUMENT"),
        ([pb.ChargeRequest(tenant_id="globex", call_id="c1")] * MANY, "PERMISSION_DENIED"),
    ],
    ids=["no name", "no model", "not the key's"],
)
async def test_a_thousand_failures_of_one_call_are_answered_in_order(
    installation: Installation, gateway: Gateway, requests: list[Any], code: str
) -> None:
    key = await installation.key("gateway", "tenant:acme")
    async with stream(installation.channel, key.api_key) as session:
        results = await session.ask(*requests)
        assert {each.error.code for each in results} == {grpc.StatusCode[code].value[0]}
        assert first_answers(session) == [each.id for each in results]
        [works] = await session.ask(gateway.authorization("c2"))
        assert works.authorize.decision == pb.DECISION_ACCEPTED


async def test_a_thousand_that_are_shed_are_answered_in_order(
    install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "SESSIONS_MAX_IN_FLIGHT", 0)
    async with install() as installation, stream(installation.channel, ADMIN_KEY) as session:
        results = await session.ask(*[Gateway(installation.admin).report("c1", 10)] * MANY)
        exhausted = grpc.StatusCode.RESOURCE_EXHAUSTED.value[0]
        assert {each.error.code for each in results} == {exhausted}
        assert first_answers(session) == [each.id for each in results]


async def test_what_needs_the_ledger_waits_for_it_alone(
    proxied: Proxied, redis_url: str, postgres_dsn: str
) -> None:
    proxy = await proxied(postgres_dsn)
    async with (
        installed(redis_url, proxy.url, default_deadline_ms=10_000) as installation,
        stream(installation.channel, ADMIN_KEY) as session,
    ):
        await installation.tenant(balance=1_000_000)
        gateway = Gateway(installation.admin)
        await session.ask(gateway.authorization("c1"))
        proxy.hold()
        unheld, behind, report, started, settled = await session.send(
            gateway.settlement("lost", 10),
            gateway.report("lost", 20),
            gateway.report("c1", 10),
            gateway.authorization("c2"),
            gateway.settlement("c1", 20),
        )
        assert (await session.result(report)).charge.charged_micros == 10_000
        assert (await session.result(started)).authorize.decision == pb.DECISION_ACCEPTED
        accepted = (await session.result(settled)).settle
        assert accepted.settlement == common_pb2.SETTLEMENT_ACCEPTED
        assert set(first_answers(session)) == {1, report, started, settled}
        proxy.restore()
        assert (await session.result(unheld)).settle.charged_micros == 10_000
        assert (await session.result(behind)).charge.directive == pb.DIRECTIVE_HANG_UP
        posted = await session.result(settled, answer=2)
        assert posted.settle.settlement == common_pb2.SETTLEMENT_POSTED


@contextmanager
def frozen(pid: int) -> Iterator[None]:
    """A store that answers nothing until the block ends."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


async def test_a_shard_that_hangs_holds_up_nobody_on_another(
    valkey_cluster: ValkeyCluster, postgres_dsn: str
) -> None:
    url = valkey_cluster.url.replace("redis://", "redis+cluster://")
    async with (
        installed(url, postgres_dsn, shards=3, store_timeout_ms=45_000) as installation,
        stream(installation.channel, ADMIN_KEY) as session,
    ):
        by_node = {valkey_cluster.node_of(slot_of(name)): name for name in map(str, range(9))}
        (node, slow), (_, quick) = list(by_node.items())[:2]
        for tenant in (slow, quick):
            await installation.tenant(tenant, balance=1_000_000)
        slowly, quickly = Gateway(installation.admin, slow), Gateway(installation.admin, quick)
        await session.ask(slowly.authorization(), quickly.authorization())
        with frozen(valkey_cluster.pid(node)):
            waiting, *there = await session.send(
                slowly.report("c1", 10), quickly.report("c1", 10), quickly.settlement("c1", 20)
            )
            assert (await session.result(there[0])).charge.charged_micros == 10_000
            assert (await session.result(there[1])).settle.charged_micros == 20_000
            assert waiting not in first_answers(session)
        assert (await session.result(waiting)).charge.charged_micros == 10_000


def slot_of(tenant: str) -> int:
    """The slot of the tenant's shard."""
    return key_slot(f"{{s{shard_of(tenant, 3)}}}".encode())
