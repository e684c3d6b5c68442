"""The form of call requests: every field that cannot be, named with what it must be."""

import re
from collections.abc import Mapping

from google.protobuf.timestamp_pb2 import Timestamp

from ledger.pricing.meter import GLOSSARY
from server.errors import InvalidFields, Violation
from server.fields import ID_MUST, is_id
from tollgate.v1 import call_authorization_pb2 as pb
from tollgate.v1 import common_pb2

MAX_QUANTITY = 10**12
MAX_METERS = 32
MAX_PARTY = 64

_METER = re.compile(r"[a-z][a-z0-9_]{0,31}")
_FIRST_SECONDS, _LAST_SECONDS = 946_684_800, 4_102_444_800  # the years 2000 to 2100


def check_key(request: object) -> None:
    """Checks the tenant_id and call_id that name a call."""
    found: list[Violation] = []
    _call_key(found, request)
    _raise(found)


def check_authorize(request: pb.AuthorizeRequest) -> None:
    """Checks an Authorize."""
    found: list[Violation] = []
    _call_key(found, request)
    _details(found, request)
    if request.HasField("usage"):
        _usage(found, request.usage.quantities)
    _elapsed(found, request)
    _raise(found)


def check_charge(request: pb.ChargeRequest, quantities: Mapping[str, int]) -> None:
    """Checks a Charge; `quantities` are its own, copied once for all who read them."""
    found: list[Violation] = []
    _call_key(found, request)
    _usage(found, quantities)
    _elapsed(found, request)
    if found:
        _raise(found)


def check_settle(request: pb.SettleRequest) -> None:
    """Checks a Settle."""
    found: list[Violation] = []
    _call_key(found, request)
    _details(found, request)
    _usage(found, request.usage.quantities)
    _elapsed(found, request)
    for name in ("started_at", "answered_at", "ended_at"):
        if request.HasField(name):
            _time(found, name, getattr(request, name))
    if request.outcome not in _GATEWAY_OUTCOMES:
        found.append(Violation("outcome", "must be an outcome that a gateway may tell"))
    _raise(found)


_GATEWAY_OUTCOMES = frozenset(common_pb2.Outcome.values()) - {common_pb2.OUTCOME_INCOMPLETE}
_DIRECTIONS = frozenset(common_pb2.Direction.values())


def check_usage(quantities: Mapping[str, int]) -> None:
    """Quantities alone, of a call that nobody makes."""
    found: list[Violation] = []
    _usage(found, quantities)
    _raise(found)


def _raise(found: list[Violation]) -> None:
    if found:
        raise InvalidFields(found)


def _call_key(found: list[Violation], request: object) -> None:
    if not is_id(request.tenant_id):  # type: ignore[attr-defined]
        found.append(Violation("tenant_id", ID_MUST, "INVALID_ID"))
    if not is_id(request.call_id):  # type: ignore[attr-defined]
        found.append(Violation("call_id", ID_MUST, "INVALID_ID"))


def _details(found: list[Violation], request: pb.AuthorizeRequest | pb.SettleRequest) -> None:
    if not is_id(request.model):
        found.append(Violation("model", ID_MUST, "INVALID_ID"))
    if request.assistant_id and not is_id(request.assistant_id):
        found.append(Violation("assistant_id", f"must be empty or {ID_MUST}", "INVALID_ID"))
    for name in ("caller", "callee"):
        value = getattr(request, name)
        if len(value) > MAX_PARTY or not (value.isprintable() or not value):
            found.append(Violation(name, f"must be at most {MAX_PARTY} printable characters"))
    if request.direction not in _DIRECTIONS:
        found.append(Violation("direction", "must be a known direction"))


def _usage(found: list[Violation], quantities: Mapping[str, int]) -> None:
    if len(quantities) > MAX_METERS:
        found.append(Violation("usage.quantities", f"must name at most {MAX_METERS} meters"))
        return
    for meter, quantity in quantities.items():
        known = meter in GLOSSARY or _METER.fullmatch(meter)
        if not (known and 0 <= quantity <= MAX_QUANTITY):
            found.append(_wrong_meter(meter))


def _wrong_meter(meter: str) -> Violation:
    if not _METER.fullmatch(meter):
        # The name is not repeated: it may hold anything.
        return Violation("usage.quantities", "names a meter that is no meter", "UNKNOWN_METER")
    field = f"usage.quantities[{meter}]"
    return Violation(field, f"must be from 0 to {MAX_QUANTITY}", "QUANTITY_OUT_OF_RANGE")


def _elapsed(
    found: list[Violation], request: pb.AuthorizeRequest | pb.ChargeRequest | pb.SettleRequest
) -> None:
    if not 0 <= request.elapsed_ms <= MAX_QUANTITY:
        found.append(Violation("elapsed_ms", f"must be from 0 to {MAX_QUANTITY}"))


def _time(found: list[Violation], name: str, value: Timestamp) -> None:
    if not (_FIRST_SECONDS <= value.seconds < _LAST_SECONDS and 0 <= value.nanos < 10**9):
        found.append(Violation(name, "must be a time between the years 2000 and 2100"))
