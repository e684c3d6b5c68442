"""How a call is closed: the one request that is repeated, word for word, until it is POSTED."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from google.protobuf.timestamp_pb2 import Timestamp

from tollgate.v1 import call_authorization_pb2 as pb
from tollgate.v1 import common_pb2
from tollgate_client.words import Outcome


@dataclass(frozen=True, slots=True)
class Moments:
    """When a call started, was answered and ended, by the monotonic clock; `wall` is the end."""

    started: float
    answered: float | None
    ended: float
    wall: datetime


def settlement(
    terms: pb.AuthorizeRequest,
    usage: Mapping[str, int],
    moments: Moments,
    outcome: Outcome,
    *,
    tariff_version: str,
) -> pb.SettleRequest:
    """The request that closes a call."""
    request = pb.SettleRequest(
        tenant_id=terms.tenant_id,
        call_id=terms.call_id,
        usage=common_pb2.Usage(quantities=usage),
        started_at=_stamp(moments, moments.started),
        ended_at=_stamp(moments, moments.ended),
        outcome=common_pb2.Outcome.ValueType(outcome),
        model=terms.model,
        caller=terms.caller,
        callee=terms.callee,
        direction=terms.direction,
        assistant_id=terms.assistant_id,
        analytics=terms.analytics,
        tariff_version=tariff_version,
    )
    if moments.answered is not None:
        request.answered_at.CopyFrom(_stamp(moments, moments.answered))
        request.elapsed_ms = elapsed_ms(moments.answered, moments.ended)
    return request


def elapsed_ms(answered: float, moment: float) -> int:
    """Milliseconds since answer."""
    return max(0, int((moment - answered) * 1000))


def _stamp(moments: Moments, moment: float) -> Timestamp:
    # Counted back from one look at the wall clock, so that a step of it bends no duration.
    stamp = Timestamp()
    stamp.FromDatetime(moments.wall - timedelta(seconds=moments.ended - moment))
    return stamp
