"""What waits to be written to a stream."""

import asyncio

import pytest
from google.rpc import status_pb2

from server.calls.session.outgoing import MAX_ERROR_BYTES, MAX_PUSHES, MAX_RESULTS, Outgoing
from tollgate.v1 import call_authorization_pb2 as pb
from tollgate.v1 import common_pb2


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


async def test_charges_that_were_taken_as_they_are_are_told_in_full() -> None:
    outgoing = Outgoing()
    outgoing.add(1)
    outgoing.add_charges([(2, [0, 1, 500, 42_999, 30, 20, 15]), (3, [0, 4, 0, 0, 0, 7, 7])])
    _, running, ended = (await outgoing.take()).response.results
    assert running == pb.OperationResult(
        id=2,
        charge=pb.ChargeResponse(
            directive=pb.DIRECTIVE_CONTINUE,
            state=common_pb2.CALL_STATE_ACTIVE,
            grant=pb.Grant(reserved_micros=500, seconds_left=42, valid_for_ms=30),
            rated_micros=20,
            charged_micros=15,
            overrun_micros=5,
        ),
    )
    assert ended.charge.directive == pb.DIRECTIVE_HANG_UP
    assert ended.charge.HasField("grant")


async def test_charges_do_not_make_a_message_longer_than_is_bounded() -> None:
    outgoing, plain = Outgoing(), [0, 1, 500, 42_999, 30, 20, 15]
    for _ in range(5):
        outgoing.add_charges([(number, plain) for number in range(256)])
    parcels = [await outgoing.take() for _ in range(2)]
    assert [len(each.response.results) for each in parcels] == [768, 512]
    assert outgoing.empty


async def test_charges_of_which_one_cannot_be_told_are_not_told_at_all() -> None:
    outgoing = Outgoing()
    outgoing.add(1)
    with pytest.raises(ValueError, match="range"):
        outgoing.add_charges([(2, [0, 1, 5, 5, 5, 5, 5]), (3, [0, 1, 2**64, 5, 5, 5, 5])])
    outgoing.add(4)
    assert [each.id for each in (await outgoing.take()).response.results] == [1, 4]


async def test_long_errors_are_spread_over_messages() -> None:
    outgoing = Outgoing()
    for number in range(500):
        outgoing.add_error(number, status_pb2.Status(code=3, message="x" * 10_000))
    sizes, found = [], []
    while not outgoing.empty:
        response = (await outgoing.take()).response
        sizes.append(response.ByteSize())
        found += [each.id for each in response.results]
    assert found == list(range(500))
    assert max(sizes) < 2 * MAX_ERROR_BYTES


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
