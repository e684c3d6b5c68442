"""Streams of real processes that are told to stop, and of workers of which one goes away."""

import asyncio
import os
import signal
from contextlib import AsyncExitStack

import grpc

from tests.acceptance.conftest import Deploy
from tests.acceptance.streams import connected, prepared
from tests.integration.api.client import Told
from tests.integration.api.stream import Stream
from tollgate.v1 import call_authorization_pb2 as pb

DRAINING = Told(grpc.StatusCode.UNAVAILABLE, "DRAINING")
STREAMS = 8


async def test_a_server_that_ends_asks_streams_to_go_and_ends_those_that_stay(
    deploy: Deploy,
) -> None:
    async with deploy(drain_s=3) as deployment:
        gateway = await prepared(deployment)
        async with connected(deployment) as leaves, connected(deployment) as stays:
            await leaves.ask(gateway.authorization("c1"), gateway.authorization("c2"))
            await stays.ask(gateway.authorization("c3"))
            stopping = asyncio.ensure_future(deployment.server.stop())
            for session in (leaves, stays):
                assert await session.push() == pb.DIRECTIVE_RECONNECT
            # Until they are ended streams work on.
            report, settled = await leaves.ask(
                gateway.report("c1", 10), gateway.settlement("c2", 10)
            )
            assert report.charge.charged_micros == 10_000
            assert settled.settle.charged_micros == 10_000
            assert await leaves.finish() is grpc.StatusCode.OK
            assert await stays.told() == DRAINING
            assert await stopping == 0
            assert "Traceback" not in deployment.server.log


async def test_streams_of_a_worker_that_goes_away_go_on_with_another(deploy: Deploy) -> None:
    async with deploy(workers=2, drain_s=3) as deployment, AsyncExitStack() as stack:
        gateway = await prepared(deployment)
        pids = await deployment.server.worker_pids(2)
        sessions = [await stack.enter_async_context(connected(deployment)) for _ in range(STREAMS)]
        for number, session in enumerate(sessions):
            await session.ask(gateway.authorization(f"c{number}"))
        os.kill(pids[0], signal.SIGTERM)
        told = await asyncio.gather(*(is_told_to_go(each) for each in sessions))
        for number, (session, goes) in enumerate(zip(sessions, told, strict=True)):
            if goes:
                assert await session.finish() is grpc.StatusCode.OK
                session = await stack.enter_async_context(connected(deployment))
            [reply] = await session.ask(gateway.report(f"c{number}", 10))
            assert reply.charge.charged_micros == 10_000
            [settled] = await session.ask(gateway.settlement(f"c{number}", 10))
            assert settled.settle.charged_micros == 10_000
        assert any(told)
        await deployment.settled_down()


async def is_told_to_go(session: Stream) -> bool:
    """Whether the stream's worker is the one that goes; the other's says nothing."""
    try:
        async with asyncio.timeout(1):
            return await session.push() == pb.DIRECTIVE_RECONNECT
    except TimeoutError:
        return False
