"""Everything that the library raises.

TollgateError
├── Refused           the call may not start: a decision, with its figures
├── OperationFailed   the service does not take it; repeating does not help
│   ├── InvalidRequest     INVALID_ARGUMENT
│   ├── KeyReused          ALREADY_EXISTS
│   ├── PermissionDenied   PERMISSION_DENIED
│   └── Unauthenticated    UNAUTHENTICATED
├── NotAnswered       nobody answered in time; what was asked may or may not have happened
├── TooManyCalls      this process carries as many calls as it may
├── Closed            the client is closed
└── NotPosted         the client was closed before these settlements were confirmed
"""

from collections.abc import Sequence
from datetime import UTC, datetime

import grpc
from google.protobuf.message import DecodeError, Message
from google.rpc import error_details_pb2, status_pb2

from tollgate.v1 import call_authorization_pb2 as pb
from tollgate_client.words import Reason

CODES = {code.value[0]: code for code in grpc.StatusCode}

# Asking again, with the same ids, may help. INTERNAL and UNKNOWN are how a connection that breaks
# within an answer may look; what is asked is safe to repeat.
PASSING = frozenset(
    {
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.ABORTED,
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.UNKNOWN,
    }
)
# However long the service asks to wait, it is asked again after so long.
LONGEST_RETRY_S = 60.0


class TollgateError(Exception):
    """Whatever this library raises."""


class Refused(TollgateError):
    """The call may not start. Amounts are in micros of the tenant's currency.

    Told with CALLER_LIMIT: what the caller's calls may cost a day, were charged today, and hold.
    Told with RATE_LIMITED: how many calls may begin a minute, and after how many ms one may, if no
    other does. None is what was not told.
    """

    def __init__(self, refusal: pb.Refusal) -> None:
        told = {field.name: value for field, value in refusal.ListFields()}
        self.reason = Reason(refusal.reason)
        self.available_micros = refusal.available_micros
        self.reserved_micros = refusal.reserved_micros
        self.daily_cap_micros: int | None = told.get("daily_cap_micros")
        self.spent_today_micros = refusal.spent_today_micros
        self.resets_at: datetime | None = (
            refusal.resets_at.ToDatetime(UTC) if "resets_at" in told else None
        )
        self.caller_daily_limit_micros: int | None = told.get("caller_daily_limit_micros")
        self.caller_spent_today_micros: int | None = told.get("caller_spent_today_micros")
        self.caller_reserved_micros: int | None = told.get("caller_reserved_micros")
        self.calls_per_minute: int | None = told.get("calls_per_minute")
        self.retry_after_ms: int | None = told.get("retry_after_ms")
        self.sip_status = refusal.sip_status
        self.q850_cause = refusal.q850_cause
        super().__init__(f"{self.reason.name}: answer with SIP {self.sip_status}")


class OperationFailed(TollgateError):
    """The service does not take an operation, or the stream.

    `reason` is the machine-readable one; empty when none was told, as by a proxy before it.
    """

    def __init__(self, code: grpc.StatusCode, reason: str, text: str) -> None:
        super().__init__(f"{code.name}: {text}")
        self.code, self.reason, self.text = code, reason, text


class InvalidRequest(OperationFailed):
    """A field is not what it must be; the text names it."""


class KeyReused(OperationFailed):
    """The call_id was used before for another call, or settled with other content."""


class PermissionDenied(OperationFailed):
    """The key may not serve this tenant."""


class Unauthenticated(OperationFailed):
    """The service does not know the key."""


class NotAnswered(TollgateError):
    """Nobody answered. `status` is what the stream ended with, when it did."""

    def __init__(self, text: str, status: grpc.StatusCode | None = None) -> None:
        super().__init__(text)
        self.status = status


class TooManyCalls(TollgateError):
    """So many calls are carried or not yet posted that memory would not be bounded."""


class Closed(TollgateError):
    """The client is closed."""


class NotPosted(TollgateError):
    """These calls, (tenant_id, call_id), were not confirmed when the client was closed.

    Nothing is lost: the service closes them with their last report after its late window.
    """

    def __init__(self, calls: Sequence[tuple[str, str]]) -> None:
        self.calls = list(calls)
        named = ", ".join(f"{call_id} of {tenant_id}" for tenant_id, call_id in self.calls[:5])
        more = ", …" if len(self.calls) > 5 else ""
        super().__init__(f"{len(self.calls)} settlements are not confirmed: {named}{more}")


_KINDS = {
    grpc.StatusCode.INVALID_ARGUMENT: InvalidRequest,
    grpc.StatusCode.ALREADY_EXISTS: KeyReused,
    grpc.StatusCode.PERMISSION_DENIED: PermissionDenied,
    grpc.StatusCode.UNAUTHENTICATED: Unauthenticated,
}


def code_of(status: status_pb2.Status) -> grpc.StatusCode:
    """The code of a status, as gRPC names it."""
    return CODES.get(status.code, grpc.StatusCode.UNKNOWN)


def failure_of(status: status_pb2.Status) -> OperationFailed:
    """The exception for a status that repeating does not help."""
    code, info = code_of(status), error_details_pb2.ErrorInfo()
    reason = info.reason if _unpack(status, info) else ""
    return _KINDS.get(code, OperationFailed)(code, reason, status.message)


def retry_s(status: status_pb2.Status) -> float:
    """How long the service asks to wait before the next try; 0 when it does not say."""
    info = error_details_pb2.RetryInfo()
    if _unpack(status, info):
        return min(float(info.retry_delay.ToMilliseconds() / 1000), LONGEST_RETRY_S)
    return 0.0


def _unpack(status: status_pb2.Status, message: Message) -> bool:
    """Fills the message with the detail of its kind; False when there is none that can be read."""
    for detail in status.details:
        try:
            if detail.Unpack(message):
                return True
        except DecodeError:
            continue
    return False
