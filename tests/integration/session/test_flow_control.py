"""What bounds a stream: unanswered messages, a client that does not read, messages too big."""

import gc
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import grpc
import pytest

from server.calls.session import stream as serving
from server.calls.session.stream import MAX_OPERATIONS, MAX_UNANSWERED
from tests.integration.api.client import Told
from tests.integration.api.conftest import Install
from tests.integration.api.gateway import Gateway
from tests.integration.api.installation import ADMIN_KEY, Installation, eventually
from tests.integration.api.stream import Stream, gone, server_side, stream
from tollgate.v1 import call_authorization_pb2 as pb

SLOW_READER = Told(grpc.StatusCode.RESOURCE_EXHAUSTED, "SLOW_READER")
OK = grpc.StatusCode.OK
# The transport keeps little for a client that does not read: two of the answers below are more.
NARROW = [("grpc.http2.bdp_probe", 0), ("grpc.http2.lookahead_bytes", 32_768)]
NONSENSE = pb.SessionRequest(operations=[pb.Operation(id=10_000 + each) for each in range(300)])
SOON_S = 4.0  # longer than a busy machine takes to fill the pipes
MORE = 24  # beyond those that are read: few enough for the transport to take them


@asynccontextmanager
async def lazy_reader(installation: Installation) -> AsyncIterator[Stream]:
    """A stream that is not read, on a connection of its own."""
    async with (
        grpc.aio.insecure_channel(installation.address, options=NARROW) as channel,
        stream(channel, ADMIN_KEY, reads=False) as session,
    ):
        yield session


async def flood(session: Stream) -> None:
    """Sends more messages than a server reads for a client that reads no answer."""
    for _ in range(MAX_UNANSWERED + MORE):
        await session.call.write(NONSENSE)


async def held_up(installation: Installation) -> Any:
    """The server's side of the only stream, once it reads no more."""
    side = await server_side(installation)

    async def is_full() -> bool:
        return bool(side._unanswered == MAX_UNANSWERED and side._writing)

    await eventually(is_full)
    return side


async def test_no_more_messages_are_read_than_may_be_unanswered(
    installation: Installation,
) -> None:
    async with lazy_reader(installation) as session:
        await flood(session)
        side = await held_up(installation)
        held = [parcel.response for parcel in side._outgoing._parcels]
        most = MAX_UNANSWERED * len(NONSENSE.operations)
        assert 0 < sum(len(response.results) for response in held) <= most
        assert side._unanswered == MAX_UNANSWERED
        session.read_on()
        assert await session.finish() is OK
        assert len(session.results) == (MAX_UNANSWERED + MORE) * len(NONSENSE.operations)


async def test_a_client_that_does_not_read_is_ended(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "WRITE_PATIENCE_S", SOON_S)
    async with lazy_reader(installation) as session:
        await flood(session)
        await held_up(installation)
        await gone(installation)
        session.read_on()
        assert await session.told() == SLOW_READER


async def test_a_client_that_never_reads_again_holds_up_neither_others_nor_the_servers_end(
    install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "WRITE_PATIENCE_S", SOON_S)
    async with AsyncExitStack() as hanging, install() as installation:
        session = await hanging.enter_async_context(lazy_reader(installation))
        await flood(session)
        await held_up(installation)
        await gone(installation)
        async with stream(installation.channel, ADMIN_KEY) as another:
            [answer] = await another.ask(pb.ChargeRequest())
            assert answer.error.code == grpc.StatusCode.INVALID_ARGUMENT.value[0]


async def test_a_client_that_leaves_while_it_is_written_to_is_no_trouble(
    installation: Installation, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(5):
        async with lazy_reader(installation) as session:
            await flood(session)
            await held_up(installation)
        await gone(installation)
    gc.collect()  # whoever dropped an error is found out now
    assert not [each for each in caplog.records if each.levelno >= logging.ERROR]


async def test_a_client_that_reads_slowly_is_served_to_the_end(
    gateway: Gateway, session: Stream
) -> None:
    await session.ask(gateway.authorization("c1"))
    for seconds in range(1, 4):
        await session.call.write(NONSENSE)
        [answer] = await session.ask(gateway.report("c1", 10 * seconds))
        assert answer.charge.charged_micros == 10_000 * seconds
    assert await session.finish() is OK


async def test_too_many_operations_end_the_stream_and_say_how_many_may_be(
    session: Stream,
) -> None:
    too_many = [pb.Operation(id=each) for each in range(MAX_OPERATIONS + 1)]
    await session.call.write(pb.SessionRequest(operations=too_many))
    error = await session.told()
    assert error == Told(grpc.StatusCode.INVALID_ARGUMENT, "TOO_MANY_OPERATIONS", "operations")
    assert not session.results


async def test_bytes_that_are_no_message_end_the_stream(installation: Installation) -> None:
    method = "/tollgate.v1.CallAuthorizationService/Session"
    call: Any = installation.channel.stream_stream(method)(
        metadata=(("authorization", f"Bearer {ADMIN_KEY}"),)
    )
    async with stream(installation.channel, ADMIN_KEY) as beside:
        broken = Stream(call)
        await broken.call.write(b"\xff\xff\xff")
        told = await broken.told()
        assert told == Told(grpc.StatusCode.INVALID_ARGUMENT, "INVALID", "request")
        await broken.close()
        [answer] = await beside.ask(pb.ChargeRequest())
        assert answer.HasField("error")


async def test_an_empty_message_needs_no_answer_and_counts_for_nothing(
    gateway: Gateway, session: Stream
) -> None:
    for _ in range(2 * MAX_UNANSWERED):
        await session.send()
    [started] = await session.ask(gateway.authorization())
    assert started.authorize.decision == pb.DECISION_ACCEPTED
    assert await session.finish() is OK
