"""What a stream ended with: the reason and the pause that its trailing metadata tell."""

import grpc
import pytest
from google.protobuf.any_pb2 import Any as Packed
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

from tollgate_client import NotAnswered, OperationFailed, PermissionDenied
from tollgate_client.session.ended import Ended, ended_with

EXHAUSTED, DENIED = grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.PERMISSION_DENIED
OVERLOADED = error_details_pb2.ErrorInfo(reason="OVERLOADED", domain="tollgate")


def _ended(code: grpc.StatusCode, **trailers: str | bytes) -> Ended:
    pairs = [(key.replace("_", "-"), value) for key, value in trailers.items()]
    told = grpc.aio.AioRpcError(code, grpc.aio.Metadata(), grpc.aio.Metadata(*pairs), "no")
    return ended_with(told)


def _details(code: grpc.StatusCode, *details: Message) -> bytes:
    status = status_pb2.Status(code=code.value[0], message="no")
    for detail in details:
        status.details.add().Pack(detail)
    return bytes(status.SerializeToString())


def _retry(milliseconds: int) -> Message:
    delay = Duration()
    delay.FromMilliseconds(milliseconds)
    info: Message = error_details_pb2.RetryInfo(retry_delay=delay)
    return info


def _reason(ended: Ended) -> str:
    assert isinstance(ended.error, OperationFailed)
    return ended.error.reason


def test_the_reason_is_the_service_s_own() -> None:
    info = error_details_pb2.ErrorInfo(reason="KEY_EXPIRED", domain="tollgate")
    ended = _ended(DENIED, grpc_status_details_bin=_details(DENIED, _retry(5), info))
    assert isinstance(ended.error, PermissionDenied)
    assert (ended.error.reason, ended.error.text) == ("KEY_EXPIRED", "no")


def test_who_gives_no_reason_has_none() -> None:
    ended = _ended(DENIED)
    assert (_reason(ended), ended.retry_s) == ("", 0)


def test_the_pause_is_read_from_the_details_and_from_the_pushback() -> None:
    details = _details(EXHAUSTED, OVERLOADED, _retry(1_500))
    ended = _ended(EXHAUSTED, grpc_status_details_bin=details)
    assert isinstance(ended.error, NotAnswered)
    assert (ended.error.status, ended.retry_s) == (EXHAUSTED, 1.5)
    assert _ended(EXHAUSTED, grpc_retry_pushback_ms="250").retry_s == 0.25


@pytest.mark.parametrize(("delay_ms", "pushback", "longer_s"), [(500, "700", 0.7), (900, "7", 0.9)])
def test_of_two_pauses_the_longer_one_is_kept(
    delay_ms: int, pushback: str, longer_s: float
) -> None:
    details = _details(EXHAUSTED, _retry(delay_ms))
    told = _ended(EXHAUSTED, grpc_status_details_bin=details, grpc_retry_pushback_ms=pushback)
    assert told.retry_s == longer_s


@pytest.mark.parametrize("pushback", ["3600000", "-1", "later", "9" * 400])
def test_nobody_is_kept_away_for_longer_than_a_minute(pushback: str) -> None:
    details = _details(EXHAUSTED, _retry(3_600_000))
    assert _ended(EXHAUSTED, grpc_retry_pushback_ms=pushback).retry_s == 60
    assert _ended(EXHAUSTED, grpc_status_details_bin=details).retry_s == 60


def test_details_of_another_status_are_not_believed() -> None:
    details = _details(EXHAUSTED, OVERLOADED, _retry(1_500))
    ended = _ended(DENIED, grpc_status_details_bin=details)
    assert (_reason(ended), ended.retry_s) == ("", 0)


def test_details_that_cannot_be_read_hurt_nobody() -> None:
    assert _reason(_ended(DENIED, grpc_status_details_bin=b"\xff\xff")) == ""
    status = status_pb2.Status(code=DENIED.value[0])
    for kind in ("ErrorInfo", "RetryInfo"):
        broken = Packed(type_url=f"type.googleapis.com/google.rpc.{kind}", value=b"\xff\xff")
        status.details.append(broken)
    ended = _ended(DENIED, grpc_status_details_bin=status.SerializeToString())
    assert (_reason(ended), ended.retry_s) == ("", 0)
