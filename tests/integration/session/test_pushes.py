"""Two workers push to each other's streams what changes the fate of running calls."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any

import pytest

from server.calls.session import stream as serving
from tests.integration.api.conftest import Install
from tests.integration.api.gateway import Gateway
from tests.integration.api.installation import ADMIN_KEY, Installation, eventually, installed
from tests.integration.api.stream import Stream, server_side, stream
from tests.integration.session.test_order import slot_of
from tests.proxy import Proxy
from tests.valkey_cluster import ValkeyCluster
from tollgate.v1 import call_authorization_pb2 as pb

Proxied = Callable[[str], Coroutine[Any, Any, Proxy]]
Change = Callable[[Installation], Awaitable[object]]


@pytest.fixture
async def beside(installation: Installation, install: Install) -> AsyncIterator[Installation]:
    """A second worker on the same stores."""
    async with install(posts=False) as second:
        yield second


async def end_call(worker: Installation) -> object:
    return await Gateway(worker.admin).end("c1")


async def suspend(worker: Installation) -> object:
    return await worker.update("acme", suspended=True)


async def lower_cap(worker: Installation) -> object:
    return await worker.update("acme", daily_cap_micros=1)


async def lower_credit(worker: Installation) -> object:
    return await worker.update("acme", credit_limit_micros=0)


async def top_up(worker: Installation) -> object:
    return await worker.adjust("acme", 1_000)


async def raise_credit(worker: Installation) -> object:
    return await worker.update("acme", credit_limit_micros=500_000)


async def raise_cap(worker: Installation) -> object:
    return await worker.update("acme", daily_cap_micros=2_000_000)


@pytest.mark.parametrize(
    ("change", "directive"),
    [
        (end_call, pb.DIRECTIVE_HANG_UP),
        (suspend, pb.DIRECTIVE_FINISH),
        (lower_cap, pb.DIRECTIVE_FINISH),
        (lower_credit, pb.DIRECTIVE_FINISH),
        (top_up, pb.DIRECTIVE_REPORT_NOW),
        (raise_credit, pb.DIRECTIVE_REPORT_NOW),
        (raise_cap, pb.DIRECTIVE_REPORT_NOW),
    ],
    ids=lambda each: getattr(each, "__name__", None),
)
async def test_what_another_worker_changes_reaches_the_calls_of_this_ones_streams(
    installation: Installation, beside: Installation, change: Change, directive: int
) -> None:
    await installation.tenant("acme", credit_limit_micros=200_000, daily_cap_micros=1_000_000)
    gateway = Gateway(installation.admin)
    async with stream(installation.channel, ADMIN_KEY) as session:
        await session.ask(gateway.authorization("c1"), gateway.authorization("c2"))
        await change(beside)
        assert await session.push("c1") == directive
        if change is not end_call:
            assert await session.push("c2") == directive
        [reply] = await session.ask(gateway.report("c1", 5))
        expected = pb.DIRECTIVE_CONTINUE if directive == pb.DIRECTIVE_REPORT_NOW else directive
        assert reply.charge.directive == expected
        assert not session.pushes


@pytest.mark.parametrize(
    ("length_ms", "old", "young"),
    [
        (80_000, pb.DIRECTIVE_WARN, None),
        (50_000, pb.DIRECTIVE_FINISH, pb.DIRECTIVE_WARN),
        (30_000, pb.DIRECTIVE_HANG_UP, pb.DIRECTIVE_WARN),
    ],
)
async def test_a_shorter_longest_call_warns_finishes_or_cuts_by_what_it_leaves(
    installation: Installation,
    beside: Installation,
    session: Stream,
    length_ms: int,
    old: int,
    young: int | None,
) -> None:
    await installation.tenant("acme", balance=1_000_000, call_length_limit_ms=200_000)
    gateway = Gateway(installation.admin)
    await session.ask(gateway.authorization("old"), gateway.authorization("young"))
    await session.ask(gateway.report("old", 40))
    await beside.update("acme", call_length_limit_ms=length_ms)
    assert await session.push("old") == old
    # What the same change means for another call travels with it, or is nothing.
    told = [push.directive for push in session.pushes if push.call_id == "young"]
    assert told == ([young] if young else [])
    [reply] = await session.ask(gateway.report("old", 40))
    assert reply.charge.directive == old


async def test_both_workers_push_to_each_others_streams(
    installation: Installation, beside: Installation, gateway: Gateway
) -> None:
    async with (
        stream(installation.channel, ADMIN_KEY) as here,
        stream(beside.channel, ADMIN_KEY) as there,
    ):
        await here.ask(gateway.authorization("here"))
        await there.ask(gateway.authorization("there"))
        await Gateway(beside.admin).end("here")
        await Gateway(installation.admin).end("there")
        assert await here.push("here") == pb.DIRECTIVE_HANG_UP
        assert await there.push("there") == pb.DIRECTIVE_HANG_UP
        await beside.adjust("acme", 1)
        assert await here.push("here") == pb.DIRECTIVE_REPORT_NOW
        assert await there.push("there") == pb.DIRECTIVE_REPORT_NOW


async def test_a_call_that_moved_to_another_stream_is_told_there(
    installation: Installation, beside: Installation, gateway: Gateway
) -> None:
    async with stream(installation.channel, ADMIN_KEY) as before:
        await before.ask(gateway.authorization("c1"))
    async with stream(beside.channel, ADMIN_KEY) as after:
        await after.ask(gateway.report("c1", 5))
        await gateway.end("c1")
        assert await after.push("c1") == pb.DIRECTIVE_HANG_UP


async def test_calls_that_simply_go_on_under_lower_bounds_are_left_alone(
    installation: Installation, beside: Installation, gateway: Gateway, session: Stream
) -> None:
    await session.ask(gateway.authorization("c1"))
    await beside.update("acme", daily_cap_micros=500_000)
    await gateway.end("c1")
    assert await session.push("c1") == pb.DIRECTIVE_HANG_UP
    assert not session.pushes


async def test_a_settled_call_is_told_no_more(
    installation: Installation, gateway: Gateway, session: Stream
) -> None:
    await session.ask(gateway.authorization("c1"), gateway.authorization("c2"))
    await session.ask(gateway.settlement("c1", 5))
    await installation.adjust("acme", 1)
    assert await session.push("c2") == pb.DIRECTIVE_REPORT_NOW
    assert not session.pushes


async def test_on_a_cluster_each_shard_tells_the_calls_of_its_tenants(
    valkey_cluster: ValkeyCluster, postgres_dsn: str
) -> None:
    url = valkey_cluster.url.replace("redis://", "redis+cluster://")
    tenants = list({slot_of(name): name for name in map(str, range(99))}.values())
    async with (
        installed(url, postgres_dsn, shards=3) as one,
        installed(url, postgres_dsn, shards=3, posts=False) as two,
        stream(one.channel, ADMIN_KEY) as session,
    ):
        for tenant in tenants:
            await one.tenant(tenant, balance=1_000_000)
            await session.ask(Gateway(one.admin, tenant).authorization(tenant))
        for tenant in tenants:
            await two.update(tenant, suspended=True)
            assert await session.push(tenant) == pb.DIRECTIVE_FINISH
            await two.update(tenant, suspended=False)
            assert await session.push(tenant) == pb.DIRECTIVE_REPORT_NOW
            await Gateway(two.admin, tenant).end(tenant)
            assert await session.push(tenant) == pb.DIRECTIVE_HANG_UP


async def test_a_push_that_was_lost_is_made_good_by_the_next_reply_and_listening_goes_on(
    proxied: Proxied, redis_url: str, postgres_dsn: str
) -> None:
    proxy = await proxied(redis_url)
    async with (
        installed(proxy.url, postgres_dsn) as cut_off,
        installed(redis_url, postgres_dsn, posts=False) as other,
        stream(cut_off.channel, ADMIN_KEY) as session,
    ):
        await other.tenant("acme", balance=1_000_000)
        gateway = Gateway(other.admin)
        await session.ask(gateway.authorization("c1"))
        proxy.cut()
        await other.update("acme", suspended=True)
        proxy.restore()
        [reply] = await session.ask(gateway.report("c1", 5))
        assert reply.charge.directive == pb.DIRECTIVE_FINISH
        assert not session.pushes

        async def tell_again() -> None:
            while True:
                await other.adjust("acme", 1)
                await asyncio.sleep(0.05)

        telling = asyncio.ensure_future(tell_again())
        try:
            assert await session.push("c1") == pb.DIRECTIVE_REPORT_NOW
        finally:
            telling.cancel()
            await asyncio.wait([telling])


async def test_a_call_that_is_silent_beyond_its_lease_is_forgotten(
    install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "FORGET_EVERY_S", 0.02)
    async with (
        install(lease_ms=300, grace_ms=0) as installation,
        stream(installation.channel, ADMIN_KEY) as session,
    ):
        await installation.tenant(balance=1_000_000)
        await session.ask(Gateway(installation.admin).authorization("c1"))
        side = await server_side(installation)

        async def is_forgotten() -> bool:
            return not side.carried("acme")

        await eventually(is_forgotten)
        assert not side._operations.carried.calls
