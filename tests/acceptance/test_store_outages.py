"""Stores that are away: what gateways are told meanwhile, and that all is well afterwards."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import grpc
import pytest

from tests.acceptance.conftest import Deployment, deployed
from tests.integration.api.client import Told
from tests.integration.api.gateway import Gateway
from tests.integration.api.installation import clock_tariff, eventually
from tests.proxy import Proxy
from tollgate.v1 import billing_pb2 as billing
from tollgate.v1 import call_authorization_pb2 as pb
from tollgate.v1 import common_pb2

AWAY = Told(grpc.StatusCode.UNAVAILABLE, "STORE_UNAVAILABLE")
TIMEOUT_S = 0.3

Proxied = Callable[[str], Awaitable[Proxy]]


class Distant(Deployment):
    """A server whose stores are behind proxies."""

    live_store: Proxy
    ledger_store: Proxy


@pytest.fixture
async def distant(
    redis_url: str, postgres_dsn: str, proxied: Proxied, state_dir: Path
) -> AsyncIterator[Distant]:
    """A server with a loaded tenant and a running call, and a hold on both of its stores."""
    redis, postgres = await proxied(redis_url), await proxied(postgres_dsn)
    settings = {
        "redis_url": redis.url,
        "postgres_dsn": postgres.url,
        "store_timeout_ms": int(TIMEOUT_S * 1000),
    }
    async with deployed(state_dir, **settings) as plain:
        deployment = Distant(plain.server, plain._channel)
        deployment.live_store, deployment.ledger_store = redis, postgres
        put = billing.PutTariffRequest(request_id="clock-1", tariff=clock_tariff())
        await deployment.admin(put)
        await deployment.tenant(balance=1_000_000)
        await Gateway(deployment.admin).accepted("running")
        yield deployment


async def works(gateway: Gateway, call_id: str) -> bool:
    """Whether calls start again."""
    try:
        return (await gateway.authorize(call_id)).decision == pb.DECISION_ACCEPTED
    except grpc.aio.AioRpcError:
        return False


@pytest.mark.parametrize("fault", [Proxy.cut, Proxy.hold], ids=["cut", "hold"])
async def test_with_redis_away_all_is_unavailable_within_the_deadline(
    distant: Distant, fault: Callable[[Proxy], None]
) -> None:
    gateway = Gateway(distant.admin)
    fault(distant.live_store)
    for request in (
        gateway.authorization("new"),
        gateway.report("running", 10),
        gateway.settlement("running", 12),
    ):
        begun = time.monotonic()
        assert await gateway.told(request) == AWAY
        assert time.monotonic() - begun < 5
    distant.live_store.restore()
    await eventually(lambda: works(gateway, "new"))
    assert (await gateway.posted("running", 12)).charged_micros == 12_000
    await distant.settled_down()


async def test_with_postgres_away_loaded_tenants_call_and_settles_are_accepted(
    distant: Distant,
) -> None:
    gateway = Gateway(distant.admin)
    distant.ledger_store.cut()
    assert (await gateway.accepted("new")).grant.reserved_micros == 60_000
    assert (await gateway.charge("running", 10)).charged_micros == 10_000
    for call_id in ("running", "new"):
        settled = await gateway.settle(call_id, 12)
        assert settled.settlement == common_pb2.SETTLEMENT_ACCEPTED
        assert settled.charged_micros == 12_000
    distant.ledger_store.restore()
    for call_id in ("running", "new"):
        assert (await gateway.posted(call_id, 12)).charged_micros == 12_000
    await distant.settled_down()


async def test_with_postgres_away_an_unknown_call_is_unavailable_not_unknown(
    distant: Distant,
) -> None:
    gateway = Gateway(distant.admin)
    distant.ledger_store.cut()
    for request in (
        gateway.report("elsewhere", 10),
        gateway.settlement("elsewhere", 10),
        gateway.authorization("elsewhere", seconds=10),
        pb.GetCallRequest(tenant_id="acme", call_id="elsewhere"),
    ):
        assert await gateway.told(request) == AWAY
    distant.ledger_store.restore()


async def test_after_both_stores_were_away_calls_go_on(distant: Distant) -> None:
    gateway = Gateway(distant.admin)
    distant.ledger_store.cut()
    distant.live_store.cut()
    assert await gateway.told(gateway.authorization("new")) == AWAY
    distant.ledger_store.restore()
    distant.live_store.restore()
    await eventually(lambda: works(gateway, "new"))
    assert (await gateway.posted("running", 10)).charged_micros == 10_000
    await distant.settled_down()
