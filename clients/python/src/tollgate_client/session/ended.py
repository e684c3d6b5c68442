"""What a stream ended with, read from its status and the trailing metadata."""

from typing import NamedTuple

import grpc
from google.protobuf.message import DecodeError
from google.rpc import status_pb2

from tollgate_client.errors import (
    LONGEST_RETRY_S,
    PASSING,
    NotAnswered,
    TollgateError,
    code_of,
    failure_of,
    retry_s,
)

STATUS_DETAILS = "grpc-status-details-bin"
PUSHBACK = "grpc-retry-pushback-ms"


class Ended(NamedTuple):
    """Why the stream is no more, and how long the service asks to wait before the next one."""

    error: TollgateError
    retry_s: float = 0.0


def ended_with(told: grpc.aio.AioRpcError) -> Ended:
    """Reads what was told; of the details, what is not understood is left out."""
    trailers = dict(told.trailing_metadata() or ())
    status = _status_of(told, trailers.get(STATUS_DETAILS))
    return Ended(_error_of(status), max(retry_s(status), _pushback_s(trailers.get(PUSHBACK))))


def _status_of(told: grpc.aio.AioRpcError, packed: str | bytes | None) -> status_pb2.Status:
    status = status_pb2.Status(code=told.code().value[0], message=told.details() or "")
    if isinstance(packed, bytes):
        try:
            detailed = status_pb2.Status.FromString(packed)
        except DecodeError:
            return status
        if detailed.code == status.code:
            status.details.extend(detailed.details)
    return status


def _error_of(status: status_pb2.Status) -> TollgateError:
    code = code_of(status)
    if code in PASSING or code is grpc.StatusCode.OK:
        return NotAnswered(f"{code.name}: {status.message}", code)
    return failure_of(status)


def _pushback_s(value: str | bytes | None) -> float:
    """By gRFC A6, what is negative or no number asks not to come again: it is as late as can be."""
    if value is None:
        return 0.0
    try:
        pushback_ms = int(value)
    except ValueError:
        return LONGEST_RETRY_S
    return min(pushback_ms, LONGEST_RETRY_S * 1000) / 1000 if pushback_ms >= 0 else LONGEST_RETRY_S
