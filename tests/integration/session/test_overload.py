"""Overload: new calls are shed first, running ones last, and nothing stays counted in flight."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest
from google.protobuf.message import Message
from google.rpc import error_details_pb2
from prometheus_client import REGISTRY

from server import app
from server.calls.session import operations
from server.calls.session import stream as serving
from server.errors import Draining
from server.interceptors.overload import Limiter
from tests.integration.api.gateway import Gateway
from tests.integration.api.installation import ADMIN_KEY, Installation, eventually, installed
from tests.integration.api.stream import Stream, gone, server_side, stream
from tests.proxy import Proxy
from tollgate.v1 import call_authorization_pb2 as pb

Proxied = Callable[[str], Coroutine[Any, Any, Proxy]]
EXHAUSTED = grpc.StatusCode.RESOURCE_EXHAUSTED.value[0]


@pytest.fixture
async def proxy(proxied: Proxied, redis_url: str) -> Proxy:
    """The way to the live store."""
    return await proxied(redis_url)


@pytest.fixture
async def behind(
    proxy: Proxy, postgres_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Installation]:
    """A worker that takes ten operations of streams at once, eight of them for new calls."""
    monkeypatch.setattr(app, "SESSIONS_MAX_IN_FLIGHT", 10)
    async with installed(proxy.url, postgres_dsn, store_timeout_ms=8_000) as installation:
        await installation.tenant(balance=10_000_000)
        yield installation


async def limiter_of(installation: Installation) -> Limiter:
    """What the streams of a worker are bounded by."""
    limiter: Limiter = (await server_side(installation))._parts.limiter
    return limiter


async def test_new_calls_are_shed_first_and_running_ones_last(
    proxy: Proxy, behind: Installation
) -> None:
    gateway, shed_before = Gateway(behind.admin), shed()
    async with stream(behind.channel, ADMIN_KEY) as session:
        running = [gateway.authorization(f"r{number}") for number in range(3)]
        await session.ask(*running)
        limiter = await limiter_of(behind)
        proxy.hold()
        started = await session.send(*(gateway.authorization(f"n{n}") for n in range(9)))
        assert_shed(await session.result(started[8]))
        # A call that is re-opened runs already.
        reports = await session.send(
            gateway.report("r0", 10),
            gateway.authorization("r1", seconds=10),
            gateway.report("r2", 10),
        )
        assert_shed(await session.result(reports[2]))
        assert limiter.in_flight == 10
        assert shed() - shed_before == 2
        assert len(session.results) == 3 + 2
        proxy.restore()
        for each in started[:8]:
            decided = await session.result(each)
            assert decided.authorize.decision == pb.DECISION_ACCEPTED
        assert (await session.result(reports[0])).charge.charged_micros == 10_000
        assert (await session.result(reports[1])).HasField("authorize")
        assert limiter.in_flight == 0


def shed() -> float:
    """How many operations of streams the metric says were turned away."""
    name = "tollgate_requests_shed_total"
    return REGISTRY.get_sample_value(name, {"rpc_method": operations.METHOD}) or 0.0


def assert_shed(result: pb.OperationResult) -> None:
    """Turned away, and told when to come again."""
    info, retry = error_details_pb2.ErrorInfo(), error_details_pb2.RetryInfo()
    assert result.error.code == EXHAUSTED, result
    details: list[Any] = list(result.error.details)
    assert details[0].Unpack(info)
    assert details[-1].Unpack(retry)
    assert (info.reason, info.domain) == ("OVERLOADED", "tollgate")
    assert retry.retry_delay.ToMilliseconds() > 0


End = Callable[[Stream], Coroutine[Any, Any, object]]


async def cancelled(session: Stream) -> None:
    session.call.cancel()


async def malformed(session: Stream) -> None:
    too_many = [pb.Operation(id=each) for each in range(serving.MAX_OPERATIONS + 1)]
    await session.call.write(pb.SessionRequest(operations=too_many))


async def half_closed(session: Stream) -> None:
    await session.call.done_writing()


@pytest.mark.parametrize("end", [cancelled, malformed, half_closed])
async def test_nothing_stays_in_flight_after_a_stream(
    proxy: Proxy, behind: Installation, end: End
) -> None:
    gateway = Gateway(behind.admin)
    async with stream(behind.channel, ADMIN_KEY) as session:
        await session.ask(gateway.authorization("c1"))
        limiter = await limiter_of(behind)
        requests: list[Message] = [gateway.report("c1", seconds) for seconds in (5, 6, 7)]
        others = [gateway.settlement(f"lost{number}", 10) for number in range(3)]
        proxy.hold()
        await session.send(*requests, *others)  # type: ignore[arg-type]

        async def in_flight() -> bool:
            return limiter.in_flight == 4  # the later reports wait for the first

        await eventually(in_flight)
        await end(session)
        if end is half_closed:
            proxy.restore()
            assert await session.end() is grpc.StatusCode.OK
            assert len({each.id for each in session.results}) == 7
        await gone(behind)
        assert limiter.in_flight == 0
        proxy.restore()
    async with stream(behind.channel, ADMIN_KEY) as again:
        [reply] = await again.ask(gateway.report("c1", 10))
        assert reply.charge.charged_micros == 10_000


@asynccontextmanager
async def ended(channel: grpc.aio.Channel, gateway: Gateway) -> AsyncIterator[None]:
    """A stream that its client cancels somewhere in the middle of a message's work."""
    async with stream(channel, ADMIN_KEY) as session:
        await session.send(*(gateway.authorization(f"c{number}") for number in range(5)))
        yield


async def test_streams_that_are_cancelled_in_the_middle_leave_nothing_in_flight(
    behind: Installation,
) -> None:
    gateway = Gateway(behind.admin)
    async with stream(behind.channel, ADMIN_KEY) as session:
        await session.ask(gateway.authorization())
        limiter = await limiter_of(behind)
    for _ in range(20):
        async with ended(behind.channel, gateway):
            pass
    await gone(behind)

    async def nothing_is() -> bool:
        return limiter.in_flight == 0

    await eventually(nothing_is)


@pytest.mark.parametrize("turns", range(8))
async def test_a_cancellation_in_the_middle_of_a_streams_end_leaves_nothing_in_flight(
    proxy: Proxy, behind: Installation, turns: int
) -> None:
    gateway = Gateway(behind.admin)
    async with stream(behind.channel, ADMIN_KEY) as session:
        await session.ask(gateway.authorization("c1"))
        side, limiter = await server_side(behind), await limiter_of(behind)
        [serving_it] = [each for each in asyncio.all_tasks() if "Session]" in each.get_name()]
        proxy.hold()
        await session.send(gateway.report("c1", 5), gateway.settlement("lost", 10))

        async def in_flight() -> bool:
            return limiter.in_flight == 2

        await eventually(in_flight)
        side.end(Draining())
        for _ in range(turns):
            await asyncio.sleep(0)
        serving_it.cancel()
        await gone(behind)
        await asyncio.wait([serving_it])
        assert limiter.in_flight == 0
        proxy.restore()
