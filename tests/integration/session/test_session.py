"""The Session stream: results by id, order within a call, postings, and pushes."""

import gc
import weakref
from typing import Any

from tests.integration.api.gateway import Gateway
from tests.integration.api.installation import ADMIN_KEY, Installation, eventually
from tests.integration.api.stream import Stream, stream
from tollgate.v1 import call_authorization_pb2 as pb
from tollgate.v1 import common_pb2


async def test_a_whole_call_in_one_message_is_answered_in_order(
    gateway: Gateway, session: Stream
) -> None:
    one, two, three, four = await session.ask(
        gateway.authorization("c1"),
        gateway.report("c1", 10),
        gateway.report("c1", 20),
        gateway.settlement("c1", 30),
    )
    assert one.authorize.decision == pb.DECISION_ACCEPTED
    assert (two.charge.charged_micros, three.charge.charged_micros) == (10_000, 20_000)
    assert four.settle.settlement == common_pb2.SETTLEMENT_ACCEPTED
    assert four.settle.charged_micros == 30_000
    posted = await session.result(4, answer=2)
    assert posted.settle.settlement == common_pb2.SETTLEMENT_POSTED
    posted.settle.settlement = common_pb2.SETTLEMENT_ACCEPTED
    assert posted == four
    assert [each.id for each in session.results] == [1, 2, 3, 4, 4]


async def test_calls_of_one_message_fail_alone(gateway: Gateway, session: Stream) -> None:
    good, bad, empty = await session.ask(
        gateway.authorization("c1"), gateway.authorization("c 1"), pb.ChargeRequest()
    )
    assert good.authorize.decision == pb.DECISION_ACCEPTED
    assert bad.error.code == 3
    assert empty.error.code == 3


async def test_an_operators_hang_up_is_pushed(gateway: Gateway, session: Stream) -> None:
    await session.ask(gateway.authorization("c1"), gateway.authorization("c2"))
    await gateway.end("c1")
    assert await session.push("c1") == pb.DIRECTIVE_HANG_UP


async def test_a_top_up_asks_for_a_report_whose_reply_extends(
    installation: Installation, session: Stream
) -> None:
    await installation.tenant("poor", balance=15_000)
    gateway = Gateway(installation.admin, "poor")
    [started] = await session.ask(gateway.authorization("c1"))
    assert started.authorize.grant.reserved_micros == 15_000
    await installation.adjust("poor", 1_000_000)
    assert await session.push("c1") == pb.DIRECTIVE_REPORT_NOW
    [reply] = await session.ask(gateway.report("c1", 5))
    assert reply.charge.directive == pb.DIRECTIVE_CONTINUE
    assert reply.charge.grant.reserved_micros == 60_000


async def test_a_suspension_makes_calls_finish(
    installation: Installation, gateway: Gateway, session: Stream
) -> None:
    await session.ask(gateway.authorization("c1"), gateway.authorization("c2"))
    await installation.update("acme", suspended=True)
    assert await session.push("c1") == pb.DIRECTIVE_FINISH
    assert await session.push("c2") == pb.DIRECTIVE_FINISH


async def test_a_stream_that_was_cut_leaves_nothing_behind(
    installation: Installation, gateway: Gateway
) -> None:
    async with stream(installation.channel, ADMIN_KEY) as cut:
        await cut.ask(*(gateway.authorization(f"c{number}") for number in range(10)))
        [session] = installation.parts.sessions._open
        assert len(list(session.carried("acme"))) == 10
    await eventually(lambda: _is_empty(installation))
    assert not list(session.carried("acme"))


async def test_nothing_of_a_stream_that_was_cut_waits_for_the_collector(
    installation: Installation, gateway: Gateway
) -> None:
    gc.collect()
    gc.disable()
    try:
        async with stream(installation.channel, ADMIN_KEY) as cut:
            calls = [f"c{number}" for number in range(10)]
            await cut.ask(*map(gateway.authorization, calls))
            await cut.ask(*(gateway.report(call_id, 5) for call_id in calls))
            await cut.send(*(gateway.report(call_id, 10) for call_id in calls))
            await cut.send(*(gateway.settlement(call_id, 10) for call_id in calls))
            session: Any = next(iter(installation.parts.sessions._open))
            held = [weakref.ref(each) for each in (session, session._operations)]
            del session
        await eventually(lambda: _is_empty(installation))
        await eventually(lambda: _are_gone(held))
    finally:
        gc.enable()


async def _are_gone(held: list[Any]) -> bool:
    return not any(each() for each in held)


async def _is_empty(installation: Installation) -> bool:
    return len(installation.parts.sessions) == 0
