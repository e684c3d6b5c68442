"""Keys of streams: what each may do, and that a stream does not outlive its key."""

from collections.abc import Callable, Coroutine
from typing import Any

import grpc
import pytest

from server.interceptors import authentication, key_ring
from tests.integration.api.client import Told
from tests.integration.api.gateway import Gateway
from tests.integration.api.installation import ADMIN_KEY, Installation, eventually, installed
from tests.integration.api.stream import Stream, gone, server_side, stream
from tests.proxy import Proxy
from tollgate.v1 import billing_pb2 as billing
from tollgate.v1 import call_authorization_pb2 as pb

Proxied = Callable[[str], Coroutine[Any, Any, Proxy]]
UNAUTHENTICATED = Told(grpc.StatusCode.UNAUTHENTICATED, "UNAUTHENTICATED")
DENIED = Told(grpc.StatusCode.PERMISSION_DENIED, "PERMISSION_DENIED")


@pytest.fixture
def looks_again_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys are looked at many times a second rather than every few seconds."""
    monkeypatch.setattr(authentication, "LOOK_AGAIN_S", 0.02)
    monkeypatch.setattr(key_ring, "FRESH_S", 0.02)
    monkeypatch.setattr(key_ring, "RETRY_S", 0.02)


@pytest.fixture
async def made(installation: Installation) -> billing.CreateApiKeyResponse:
    """A gateway's key."""
    return await installation.key("gateway")


async def revoke(installation: Installation, key: billing.CreateApiKeyResponse) -> None:
    request = billing.RevokeApiKeyRequest(request_id="r", key_id=key.key.key_id)
    await installation.admin(request)


def test_a_revoked_key_is_noticed_within_half_a_minute() -> None:
    assert key_ring.FRESH_S + 2 * authentication.LOOK_AGAIN_S < 30


@pytest.mark.usefixtures("looks_again_soon")
async def test_a_revoked_key_ends_its_streams_and_no_other(
    installation: Installation,
    gateway: Gateway,
    made: billing.CreateApiKeyResponse,
    session: Stream,
) -> None:
    async with (
        stream(installation.channel, made.api_key) as one,
        stream(installation.channel, made.api_key) as two,
    ):
        await one.ask(gateway.authorization("c1"))
        await two.ask(gateway.authorization("c2"))
        await session.ask(gateway.authorization("c3"))
        await revoke(installation, made)
        assert await one.told() == UNAUTHENTICATED
        assert await two.told() == UNAUTHENTICATED
        # The calls live on, and are reported on another stream.
        first, second = await session.ask(gateway.report("c1", 10), gateway.report("c2", 20))
        assert first.charge.charged_micros == 10_000
        assert second.charge.charged_micros == 20_000


@pytest.mark.usefixtures("looks_again_soon")
async def test_a_stream_outlives_that_the_ledger_is_away(
    proxied: Proxied, redis_url: str, postgres_dsn: str
) -> None:
    proxy = await proxied(postgres_dsn)
    async with installed(redis_url, proxy.url) as installation:
        await installation.tenant(balance=1_000_000)
        gateway, key = Gateway(installation.admin), await installation.key("gateway")
        async with stream(installation.channel, key.api_key) as session:
            await session.ask(gateway.authorization("c1"))
            refused = proxy.refused
            proxy.cut()

            async def asked_in_vain() -> bool:
                return proxy.refused > refused + 2

            await eventually(asked_in_vain)
            [reply] = await session.ask(gateway.report("c1", 10))
            assert reply.charge.charged_micros == 10_000
            proxy.restore()
            await revoke(installation, key)
            assert await session.told() == UNAUTHENTICATED


async def test_a_bound_key_is_denied_single_operations_and_not_the_stream(
    installation: Installation,
) -> None:
    for tenant in ("acme", "globex"):
        await installation.tenant(tenant, balance=100_000)
    ours, theirs = Gateway(installation.admin), Gateway(installation.admin, "globex")
    nobodys = Gateway(installation.admin, "no-such-tenant")
    key = await installation.key("gateway", "tenant:acme")
    async with stream(installation.channel, key.api_key) as session:
        good, there, nowhere, report, settlement = await session.ask(
            ours.authorization(),
            theirs.authorization(),
            nobodys.authorization(),
            theirs.report("c1", 10),
            theirs.settlement("c1", 10),
        )
        assert good.authorize.decision == pb.DECISION_ACCEPTED
        denied = grpc.StatusCode.PERMISSION_DENIED.value[0]
        assert {each.error.code for each in (there, nowhere, report, settlement)} == {denied}
        assert there.error == nowhere.error
        assert "globex" not in str(there.error)
    assert (await installation.balance("globex")).reserved_micros == 0


async def test_pushes_of_another_tenants_calls_do_not_reach_a_bound_key(
    installation: Installation, session: Stream
) -> None:
    for tenant in ("acme", "globex"):
        await installation.tenant(tenant, balance=100_000)
    ours, theirs = Gateway(installation.admin), Gateway(installation.admin, "globex")
    key = await installation.key("gateway", "tenant:acme")
    async with stream(installation.channel, key.api_key) as bound:
        await bound.ask(ours.authorization("c1"), theirs.authorization("c2"))
        await session.ask(theirs.authorization("c2"))
        await installation.adjust("globex", 1)
        assert await session.push("c2") == pb.DIRECTIVE_REPORT_NOW
        await installation.adjust("acme", 1)
        assert await bound.push("c1") == pb.DIRECTIVE_REPORT_NOW
        assert not bound.pushes


@pytest.mark.parametrize(
    ("scopes", "expected"), [(["tenant:acme"], DENIED), (["tenant:acme", "gateway"], None)]
)
async def test_a_tenants_own_key_opens_no_stream(
    installation: Installation, scopes: list[str], expected: Told | None
) -> None:
    key = await installation.key(*scopes)
    async with stream(installation.channel, key.api_key) as session:
        if expected is None:
            [answer] = await session.ask(pb.ChargeRequest(tenant_id="acme"))
            assert answer.HasField("error")
        else:
            assert await session.told() == expected
    await gone(installation)


async def test_an_unknown_key_opens_no_stream(installation: Installation) -> None:
    async with stream(installation.channel, f"tg_ffff_{'x' * 64}") as session:
        assert await session.told() == UNAUTHENTICATED


async def test_a_stream_that_its_client_leaves_is_forgotten(
    installation: Installation, gateway: Gateway
) -> None:
    async with stream(installation.channel, ADMIN_KEY) as session:
        await session.ask(gateway.authorization("c1"))
        side = await server_side(installation)
        assert list(side.carried("acme")) == ["c1"]
    await gone(installation)
