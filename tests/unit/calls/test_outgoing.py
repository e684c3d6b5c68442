"""What waits to be written to a stream."""

import asyncio

from server.calls.session.outgoing import MAX_PUSHES, MAX_RESULTS, Outgoing
from tollgate.v1 import call_authorization_pb2 as pb


async def test_results_travel_together_in_their_order() -> None:
    outgoing = Outgoing()
    for operation_id in range(3):
        outgoing.add(operation_id)
    outgoing.answered()
    parcel = await outgoing.take()
    assert [each.id for each in parcel.response.results] == [0, 1, 2]
    assert parcel.answers == 1
    assert outgoing.empty


async def test_no_message_holds_more_results_or_pushes_than_are_bounded() -> None:
    outgoing = Outgoing()
    for number in range(MAX_RESULTS + 1):
        outgoing.add(number)
    for number in range(MAX_PUSHES + 1):
        outgoing.push("acme", str(number), pb.DIRECTIVE_WARN)
    first, second = await outgoing.take(), await outgoing.take()
    assert (len(first.response.results), len(second.response.results)) == (MAX_RESULTS, 1)
    assert (len(first.response.pushes), len(second.response.pushes)) == (MAX_PUSHES, 1)
    assert outgoing.empty


async def test_a_later_push_to_a_call_replaces_an_earlier_one() -> None:
    outgoing = Outgoing()
    outgoing.push("acme", "c1", pb.DIRECTIVE_REPORT_NOW)
    outgoing.push("acme", "c2", pb.DIRECTIVE_REPORT_NOW)
    outgoing.push("acme", "c1", pb.DIRECTIVE_FINISH)
    pushes = (await outgoing.take()).response.pushes
    assert [(each.call_id, each.directive) for each in pushes] == [
        ("c1", pb.DIRECTIVE_FINISH),
        ("c2", pb.DIRECTIVE_REPORT_NOW),
    ]


async def test_what_is_taken_back_is_never_sent() -> None:
    outgoing = Outgoing()
    outgoing.add(1)
    outgoing.take_back()
    assert outgoing.empty
    outgoing.add(2)
    outgoing.add(3)
    outgoing.take_back()
    assert [each.id for each in (await outgoing.take()).response.results] == [2]


async def test_who_takes_waits_for_something() -> None:
    outgoing = Outgoing()
    outgoing.add(1)
    outgoing.take_back()  # the news of it is stale
    taking = asyncio.ensure_future(outgoing.take())
    await asyncio.sleep(0)
    assert not taking.done()
    outgoing.push("", "", pb.DIRECTIVE_RECONNECT)
    assert (await taking).response.pushes[0].directive == pb.DIRECTIVE_RECONNECT
