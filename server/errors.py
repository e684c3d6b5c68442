"""Every malfunction a client can be told of, and the one place that turns it into a gRPC status.

    Failure
    ├── InvalidFields       INVALID_ARGUMENT     per violation
    ├── Unauthenticated     UNAUTHENTICATED      UNAUTHENTICATED
    ├── PermissionDenied    PERMISSION_DENIED    PERMISSION_DENIED
    ├── TenantUnknown       NOT_FOUND            UNKNOWN_TENANT
    ├── CallUnknown         NOT_FOUND            CALL_UNKNOWN
    ├── NotFound            NOT_FOUND            given
    ├── KeyReused           ALREADY_EXISTS       KEY_REUSED
    ├── AlreadyExists       ALREADY_EXISTS       given
    ├── InsufficientFunds   FAILED_PRECONDITION  INSUFFICIENT_FUNDS
    ├── FailedPrecondition  FAILED_PRECONDITION  given
    ├── Overloaded          RESOURCE_EXHAUSTED   OVERLOADED
    ├── StoreUnavailable    UNAVAILABLE          STORE_UNAVAILABLE
    ├── ProviderUnavailable UNAVAILABLE         PROVIDER_UNAVAILABLE
    ├── OutboxFull          UNAVAILABLE          OUTBOX_FULL
    ├── SlowReader          RESOURCE_EXHAUSTED   SLOW_READER
    ├── Draining            UNAVAILABLE          DRAINING
    └── DeadlineExceeded    DEADLINE_EXCEEDED    DEADLINE_EXCEEDED

Each carries `google.rpc.ErrorInfo` with domain "tollgate". Texts are ours: what a client sent is
never echoed. A refusal is no failure, it is a normal reply.
"""

from collections.abc import Mapping, Sequence
from typing import ClassVar, NamedTuple

import grpc
from google.protobuf.duration_pb2 import Duration
from google.rpc import code_pb2, error_details_pb2, status_pb2

DOMAIN = "tollgate"
STATUS_DETAILS = "grpc-status-details-bin"
PUSHBACK = "grpc-retry-pushback-ms"

Trailers = tuple[tuple[str, str | bytes], ...]


class Told(NamedTuple):
    """What a client is told: the status with its details, and when it should come again."""

    code: grpc.StatusCode
    status: status_pb2.Status
    pushback_ms: int | None = None

    @property
    def text(self) -> str:
        """A sentence."""
        text: str = self.status.message
        return text

    @property
    def trailers(self) -> Trailers:
        """The trailing metadata that carries the details."""
        details = ((STATUS_DETAILS, self.status.SerializeToString()),)
        if self.pushback_ms is None:
            return details
        return (*details, (PUSHBACK, str(self.pushback_ms)))


class Violation(NamedTuple):
    """One field that is not what it must be. `description` says what it must be."""

    field: str
    description: str
    reason: str = "INVALID"


class Failure(Exception):
    """A malfunction with a status of its own; see the tree above."""

    code: ClassVar[grpc.StatusCode]
    reason: str
    text: str

    def __init__(self, metadata: Mapping[str, str] | None = None) -> None:
        super().__init__(self.text)
        self.metadata = dict(metadata or {})
        self.violations: Sequence[Violation] = ()
        self.retry_ms: int | None = None
        self.pushback = False


class InvalidFields(Failure):
    """The request is malformed; the first violation names the reason."""

    code = grpc.StatusCode.INVALID_ARGUMENT

    def __init__(self, violations: Sequence[Violation]) -> None:
        first = violations[0]
        self.reason = first.reason
        self.text = "; ".join(f"{each.field}: {each.description}" for each in violations)
        super().__init__({"field": first.field})
        self.violations = violations


class Unauthenticated(Failure):
    """There is no valid key: missing, malformed, unknown and revoked ones are told alike."""

    code = grpc.StatusCode.UNAUTHENTICATED
    reason = "UNAUTHENTICATED"
    text = "send a valid key as authorization: Bearer tg_<id>_<secret>"


class PermissionDenied(Failure):
    """The key may not do this; never tells whether what it asked for exists."""

    code = grpc.StatusCode.PERMISSION_DENIED
    reason = "PERMISSION_DENIED"
    text = "the key does not permit this"


class Stated(Failure):
    """A failure whose reason and words are given where it is raised."""

    def __init__(self, reason: str, text: str, metadata: Mapping[str, str] | None = None) -> None:
        self.reason, self.text = reason, text
        super().__init__(metadata)


class NotFound(Stated):
    """Something that the request names does not exist."""

    code = grpc.StatusCode.NOT_FOUND


class TenantUnknown(Failure):
    """No such tenant; only told to keys that may use every tenant."""

    code = grpc.StatusCode.NOT_FOUND
    reason = "UNKNOWN_TENANT"
    text = "there is no such tenant"


class CallUnknown(Failure):
    """Neither the live store nor the ledger holds the call."""

    code = grpc.StatusCode.NOT_FOUND
    reason = "CALL_UNKNOWN"
    text = "nobody holds the call"


class KeyReused(Failure):
    """The same id came with other content; nothing was changed."""

    code = grpc.StatusCode.ALREADY_EXISTS
    reason = "KEY_REUSED"
    text = "the id was used before with other content"


class AlreadyExists(Stated):
    """What the request would create exists."""

    code = grpc.StatusCode.ALREADY_EXISTS


class FailedPrecondition(Stated):
    """The state does not allow it; repeating the request does not help."""

    code = grpc.StatusCode.FAILED_PRECONDITION


class InsufficientFunds(Failure):
    """A debit above what is available; nothing was moved."""

    code = grpc.StatusCode.FAILED_PRECONDITION
    reason = "INSUFFICIENT_FUNDS"
    text = "less than the amount is available"


class Overloaded(Failure):
    """Too much is in flight; the client waits `retry_ms` and comes again."""

    code = grpc.StatusCode.RESOURCE_EXHAUSTED
    reason = "OVERLOADED"
    text = "too many requests are in flight"

    def __init__(self, retry_ms: int = 200, text: str = "") -> None:
        self.text = text or type(self).text
        super().__init__()
        self.retry_ms = retry_ms
        self.pushback = True


class StoreUnavailable(Failure):
    """A store is away or too slow; `store` is "redis" or "postgres"."""

    code = grpc.StatusCode.UNAVAILABLE
    reason = "STORE_UNAVAILABLE"
    text = "a store does not answer"

    def __init__(self, store: str, retry_ms: int = 500) -> None:
        super().__init__({"store": store})
        self.retry_ms = retry_ms


class ProviderUnavailable(Failure):
    """A payment provider does not answer; whether it took note is unknown, so repeat it."""

    code = grpc.StatusCode.UNAVAILABLE
    reason = "PROVIDER_UNAVAILABLE"
    text = "the payment provider does not answer; repeat it under the same id"

    def __init__(self, provider: str, retry_ms: int = 2_000) -> None:
        super().__init__({"provider": provider})
        self.retry_ms = retry_ms


class OutboxFull(Failure):
    """Too many settlements wait for the ledger, so no new call starts."""

    code = grpc.StatusCode.UNAVAILABLE
    reason = "OUTBOX_FULL"
    text = "too many settlements wait for the ledger"

    def __init__(self, retry_ms: int = 5_000) -> None:
        super().__init__()
        self.retry_ms = retry_ms


class SlowReader(Failure):
    """The client of a stream does not read what it is sent."""

    code = grpc.StatusCode.RESOURCE_EXHAUSTED
    reason = "SLOW_READER"
    text = "the results were not read in time; open another stream and report again"


class Draining(Failure):
    """The process goes away; another takes its place."""

    code = grpc.StatusCode.UNAVAILABLE
    reason = "DRAINING"
    text = "the server is going away; open another stream and report again"


class DeadlineExceeded(Failure):
    """The time for the request ended; whether it took effect is unknown, so repeat it."""

    code = grpc.StatusCode.DEADLINE_EXCEEDED
    reason = "DEADLINE_EXCEEDED"
    text = "the time for the request ended; repeat it under the same id"


def tell(failure: Failure) -> Told:
    """The status and trailing metadata for a failure."""
    status = status_pb2.Status(code=_number(failure.code), message=failure.text)
    info = error_details_pb2.ErrorInfo(
        reason=failure.reason, domain=DOMAIN, metadata=failure.metadata
    )
    status.details.add().Pack(info)
    if failure.violations:
        status.details.add().Pack(_bad_request(failure.violations))
    if failure.retry_ms is not None:
        delay = Duration()
        delay.FromMilliseconds(failure.retry_ms)
        status.details.add().Pack(error_details_pb2.RetryInfo(retry_delay=delay))
    return Told(failure.code, status, failure.retry_ms if failure.pushback else None)


def tell_unknown(correlation_id: str) -> Told:
    """What is told of an exception that nobody foresaw: where to look, and nothing of it."""
    status = status_pb2.Status(code=code_pb2.INTERNAL, message="internal error")
    status.details.add().Pack(
        error_details_pb2.ErrorInfo(
            reason="INTERNAL", domain=DOMAIN, metadata={"correlation_id": correlation_id}
        )
    )
    return Told(grpc.StatusCode.INTERNAL, status)


def _bad_request(violations: Sequence[Violation]) -> error_details_pb2.BadRequest:
    return error_details_pb2.BadRequest(
        field_violations=[
            error_details_pb2.BadRequest.FieldViolation(
                field=each.field, description=each.description, reason=each.reason
            )
            for each in violations
        ]
    )


def _number(code: grpc.StatusCode) -> int:
    number: int = code.value[0]
    return number
