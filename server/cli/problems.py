"""What goes wrong on the command line, told in plain words instead of tracebacks."""

from collections.abc import Iterable, Iterator
from typing import Any

import grpc
from google.rpc import error_details_pb2, status_pb2

from server.errors import STATUS_DETAILS

UNREACHABLE = "failed to connect", "connection refused", "dns", "name resolution"


class Problem(Exception):
    """Ends the command with its message and exit code 1."""


def problem_of(error: grpc.RpcError, server: str) -> Problem:
    """What a failed question means for whoever asked it."""
    code, details = error.code(), error.details() or ""
    if code is grpc.StatusCode.UNAVAILABLE and any(w in details.lower() for w in UNREACHABLE):
        return Problem(
            f"no Tollgate answers at {server}. Start one with `tollgate serve`, "
            "or name another with --server or TOLLGATE_SERVER."
        )
    if code is grpc.StatusCode.UNAUTHENTICATED:
        return Problem(
            f"{server} does not know this key. Set TOLLGATE_API_KEY to a valid one, or "
            "TOLLGATE_STATE_DIR to that server's state directory."
        )
    info, violations = _details_of(error)
    lines = [f"{name}: {description}" for name, description in violations] or [details]
    if info.reason == "INTERNAL" and info.metadata:
        lines[0] += f", see the server's log for {info.metadata['correlation_id']}"
    reason = info.reason if info.reason not in ("", "INVALID") else code.name
    return Problem("\n  ".join(lines) + f" ({reason})")


def _details_of(
    error: grpc.RpcError,
) -> tuple[error_details_pb2.ErrorInfo, list[tuple[str, str]]]:
    """The error's reason with its metadata, and the fields that were wrong."""
    info = error_details_pb2.ErrorInfo()
    violations: list[tuple[str, str]] = []
    for detail in _packed_in(error):
        bad = error_details_pb2.BadRequest()
        if detail.Is(info.DESCRIPTOR):
            detail.Unpack(info)
        elif detail.Is(bad.DESCRIPTOR):
            detail.Unpack(bad)
            violations += [(each.field, each.description) for each in bad.field_violations]
    return info, violations


def _packed_in(error: grpc.RpcError) -> Iterator[Any]:
    trailers: Iterable[tuple[str, Any]] = error.trailing_metadata() or ()  # type: ignore[assignment]
    for name, value in trailers:
        if name == STATUS_DETAILS:
            yield from status_pb2.Status.FromString(value).details
