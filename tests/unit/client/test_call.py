"""One call as an application waits for its end; the test is its desk."""

import asyncio

import grpc
import pytest

from tollgate.v1 import call_authorization_pb2 as pb
from tollgate_client import Call, Directive, Ending, PermissionDenied
from tollgate_client.callbacks import Callbacks, Caller
from tollgate_client.course import Course

TERMS = pb.AuthorizeRequest(tenant_id="t", call_id="c", model="m")
GRANT = pb.Grant(reserved_micros=1, seconds_left=60, valid_for_ms=60_000)
ACCEPTED = pb.AuthorizeResponse(
    decision=pb.DECISION_ACCEPTED, directive=pb.DIRECTIVE_CONTINUE, grant=GRANT
)
REPORTED = pb.ChargeResponse(directive=pb.DIRECTIVE_CONTINUE, grant=GRANT)
DENIED = PermissionDenied(grpc.StatusCode.PERMISSION_DENIED, "", "by a proxy")


class Desk:
    """Admits every call; the test asks and answers in its place."""

    def __init__(self) -> None:
        self.caller = Caller()

    def admit(self, call: Call) -> None:
        """Takes it up."""

    def follow(self, call: Call) -> None:
        """Looks at it no further."""


async def _running() -> Call:
    call = Call(Desk(), Course(TERMS, now=0, report_s=5), Callbacks(), 1)
    assert call.ask(pb.Operation(), 0)
    call.take(pb.OperationResult(authorize=ACCEPTED), 0)
    return await call.__aenter__()


def _taken_again(call: Call, now: float) -> None:
    call.renew(now)
    assert call.ask(pb.Operation(), now)
    call.take(pb.OperationResult(charge=REPORTED), now)


async def test_a_call_whose_stream_is_taken_again_has_not_ended() -> None:
    call = await _running()
    call.lock_out(DENIED)
    with pytest.raises(PermissionDenied):
        await call.ended()
    _taken_again(call, 1)
    waiting = [asyncio.create_task(call.ended()) for _ in range(2)]
    await asyncio.sleep(0)
    call.push(Directive.HANG_UP, 2)
    assert await asyncio.gather(*waiting) == [Ending.HANG_UP, Ending.HANG_UP]


async def test_a_lock_out_that_passed_before_a_waiter_ran_is_not_its_end() -> None:
    call = await _running()
    waiting = asyncio.create_task(call.ended())
    await asyncio.sleep(0)
    call.lock_out(DENIED)
    _taken_again(call, 1)
    await asyncio.sleep(0)
    call.push(Directive.HANG_UP, 2)
    assert await waiting is Ending.HANG_UP


async def test_a_second_lock_out_is_told_again() -> None:
    call = await _running()
    call.lock_out(DENIED)
    _taken_again(call, 1)
    waiting = asyncio.create_task(call.ended())
    await asyncio.sleep(0)
    call.lock_out(DENIED)
    with pytest.raises(PermissionDenied):
        await waiting


async def test_a_call_that_was_left_says_so_unless_it_had_to_end() -> None:
    left, cut = await _running(), await _running()
    cut.push(Directive.HANG_UP, 1)
    for call in (left, cut):
        await call.__aexit__(None, None, None)
    assert [await left.ended(), await cut.ended()] == [Ending.LEFT, Ending.HANG_UP]
