"""The table of failures: every one has a status, a reason and details."""

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2

from server import errors
from server.errors import DOMAIN, PUSHBACK, STATUS_DETAILS, Failure, Violation, tell, tell_unknown

Code = grpc.StatusCode
UNKNOWN_METER = Violation("usage", "unknown meter", "UNKNOWN_METER")
EXAMPLES: list[tuple[Failure, grpc.StatusCode, str]] = [
    (errors.InvalidFields([UNKNOWN_METER]), Code.INVALID_ARGUMENT, "UNKNOWN_METER"),
    (errors.Unauthenticated(), Code.UNAUTHENTICATED, "UNAUTHENTICATED"),
    (errors.PermissionDenied(), Code.PERMISSION_DENIED, "PERMISSION_DENIED"),
    (errors.NotFound("UNKNOWN_KEY", "there is no such key"), Code.NOT_FOUND, "UNKNOWN_KEY"),
    (errors.TenantUnknown(), Code.NOT_FOUND, "UNKNOWN_TENANT"),
    (errors.CallUnknown(), Code.NOT_FOUND, "CALL_UNKNOWN"),
    (errors.KeyReused(), Code.ALREADY_EXISTS, "KEY_REUSED"),
    (errors.AlreadyExists("TENANT_EXISTS", "there is one"), Code.ALREADY_EXISTS, "TENANT_EXISTS"),
    (errors.FailedPrecondition("CURRENCY", "other currency"), Code.FAILED_PRECONDITION, "CURRENCY"),
    (errors.InsufficientFunds(), Code.FAILED_PRECONDITION, "INSUFFICIENT_FUNDS"),
    (errors.Overloaded(), Code.RESOURCE_EXHAUSTED, "OVERLOADED"),
    (errors.StoreUnavailable("redis"), Code.UNAVAILABLE, "STORE_UNAVAILABLE"),
    (errors.ProviderUnavailable("stripe"), Code.UNAVAILABLE, "PROVIDER_UNAVAILABLE"),
    (errors.OutboxFull(), Code.UNAVAILABLE, "OUTBOX_FULL"),
    (errors.SlowReader(), Code.RESOURCE_EXHAUSTED, "SLOW_READER"),
    (errors.Draining(), Code.UNAVAILABLE, "DRAINING"),
    (errors.DeadlineExceeded(), Code.DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED"),
]  # fmt: skip


def _status(trailers: errors.Trailers) -> status_pb2.Status:
    value = dict(trailers)[STATUS_DETAILS]
    assert isinstance(value, bytes)
    return status_pb2.Status.FromString(value)


def _detail(status: status_pb2.Status, kind: type) -> object:
    found = kind()
    assert any(each.Unpack(found) for each in status.details), kind
    return found


@pytest.mark.parametrize(("failure", "code", "reason"), EXAMPLES)
def test_each_failure_has_its_status_and_reason(
    failure: Failure, code: grpc.StatusCode, reason: str
) -> None:
    told = tell(failure)
    status = _status(told.trailers)
    info = _detail(status, error_details_pb2.ErrorInfo)
    assert told.code is code
    assert (status.code, status.message) == (code.value[0], told.text)
    assert (info.reason, info.domain) == (reason, DOMAIN)  # type: ignore[attr-defined]


def test_no_failure_is_without_an_example() -> None:
    def leaves(kind: type[Failure]) -> set[type[Failure]]:
        below = {leaf for each in kind.__subclasses__() for leaf in leaves(each)}
        return below or {kind}

    assert leaves(Failure) == {type(failure) for failure, _, _ in EXAMPLES}


def test_violations_are_listed_as_a_bad_request() -> None:
    told = tell(errors.InvalidFields([Violation("a.b", "must be c"), Violation("d", "is missing")]))
    found: object = _detail(_status(told.trailers), error_details_pb2.BadRequest)
    fields = [each.field for each in found.field_violations]  # type: ignore[attr-defined]
    assert fields == ["a.b", "d"]


def test_overload_tells_when_to_come_again() -> None:
    told = tell(errors.Overloaded(retry_ms=1500))
    assert dict(told.trailers)[PUSHBACK] == "1500"
    retry: object = _detail(_status(told.trailers), error_details_pb2.RetryInfo)
    assert retry.retry_delay.ToMilliseconds() == 1500  # type: ignore[attr-defined]


def test_an_outage_names_the_store_and_a_delay_but_no_pushback() -> None:
    told = tell(errors.StoreUnavailable("postgres"))
    info: object = _detail(_status(told.trailers), error_details_pb2.ErrorInfo)
    assert info.metadata["store"] == "postgres"  # type: ignore[attr-defined]
    assert PUSHBACK not in dict(told.trailers)


def test_an_unforeseen_exception_is_told_without_detail() -> None:
    told = tell_unknown("c0ffee")
    assert (told.code, told.text) == (Code.INTERNAL, "internal error")
    info: object = _detail(_status(told.trailers), error_details_pb2.ErrorInfo)
    assert info.metadata["correlation_id"] == "c0ffee"  # type: ignore[attr-defined]
