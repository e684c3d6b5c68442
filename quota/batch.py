"""How a batch travels to the script and its reply back: packed, fields in order."""

from collections.abc import Callable, Sequence
from enum import IntEnum
from typing import Any, NamedTuple

import msgpack

from quota.decision import AccountView, CallResult, CallView, Refused, State
from quota.operation import (
    KINDS,
    Authorize,
    Charge,
    End,
    Kind,
    LookAccount,
    LookCall,
    LookGrant,
    Operation,
    Settle,
)

# use_bin_type=False: the script's decoder knows only the older string types of msgpack.
_packer = msgpack.Packer(use_bin_type=False)
_pack = _packer.pack
_PAIR = b"\x92"  # the head of an array of two

# What a NamedTuple's own constructor does, without its detour.
_new_tuple = tuple.__new__
_PLAIN_FIELDS = 7
_ACTIVE = int(State.ACTIVE)


class Header(NamedTuple):
    """What holds for a whole batch; durations in ms, dates YYYYMMDD."""

    epoch: str
    lease_ms: int
    grace_ms: int
    late_window_ms: int
    retention_ms: int
    reserve_ms: int
    low_water_ms: int
    min_start_ms: int
    max_outbox: int
    dates: tuple[str, str, str]
    channel: str


class Status(IntEnum):
    """Whether the batch was decided."""

    DECIDED = 0
    OTHER_EPOCH = 1  # the shard is of another epoch than the caller believes, or has none
    TORN = 2  # an earlier batch failed between two writes


class Simple(NamedTuple):
    """The answer to Load, Apply, Sweep, Debit, Confirm and Repair when the code is OK.

    `number` is the sweep's deed or the debit's outbox number, `balance` the balance after a debit.
    """

    code: int
    number: int = 0
    balance: int = 0


# What a charge that was taken as it is came to: code, directive, reserved, left_ms, valid_for_ms,
# rated, charged. A packed charge is answered so, any other with a CallResult.
PlainCharge = list[int]

Result = CallResult | AccountView | CallView | Simple | Refused


class BatchReply(NamedTuple):
    """The script's reply. With OTHER_EPOCH, `stored_epoch` is the shard's, "0" for none. Among the
    results are PlainCharges where packed charges were asked.
    """

    status: Status
    now_ms: int
    posted_n: int
    last_n: int
    results: list[Result]
    stored_epoch: str = ""


class ChargeStem:
    """The charges of one call, of which most stays the same and is packed once."""

    __slots__ = ("_free_ms", "_stem")

    def __init__(self, charge: Charge) -> None:
        """Takes from a charge all but what it reports."""
        *stem, _total, _weight, _usage, _elapsed_ms, self._free_ms = charge
        fields = b"".join(map(_pack, (Kind.CHARGE, *stem)))
        self._stem: bytes = _packer.pack_array_header(len(charge) + 1) + fields

    def pack(self, total: int, weight: int, usage: bytes, elapsed_ms: int) -> bytes:
        """A packed charge. The head of the array that its fields are packed as is one byte."""
        fields: bytes = _pack((total, weight, usage, elapsed_ms, self._free_ms))
        return self._stem + fields[1:]


def encode(header: Header, operations: Sequence[Operation | bytes]) -> bytes:
    """Packs a batch for ARGV[1]; some of its operations may be packed already."""
    packed = [op if op.__class__ is bytes else _pack((KINDS[type(op)], *op)) for op in operations]
    return b"".join((_PAIR, _pack(header), _packer.pack_array_header(len(packed)), *packed))


def can_travel(operation: Operation | bytes) -> bool:
    """Whether an operation can be packed at all: its texts are Unicode, its numbers fit 64 bits."""
    if isinstance(operation, bytes):
        return True
    try:
        _pack((KINDS[type(operation)], *operation))
    except (KeyError, OverflowError, TypeError, ValueError):
        return False
    return True


def _days(rows: Any) -> tuple[tuple[str, int], ...]:
    return tuple((day.decode(), amount) for day, amount in rows) if rows else ()


def _call_result(fields: list[Any]) -> CallResult:
    fields[11] = fields[11].decode()
    fields[20] = _days(fields[20])
    fields[21] = fields[21].decode()
    fields[22] = tuple(fields[22])
    return CallResult._make(fields)


def _account_view(fields: list[Any]) -> AccountView:
    fields[13] = fields[13].decode()
    fields[15] = _days(fields[15])
    return AccountView._make(fields)


def _call_view(fields: list[Any]) -> CallView:
    fields[2], fields[3], fields[5] = fields[2].decode(), fields[3].decode(), fields[5].decode()
    fields[14] = _days(fields[14])
    return CallView._make(fields)


def _refused(fields: list[Any]) -> Refused:
    return Refused(
        fields[0], tuple(d.decode() if isinstance(d, bytes) else d for d in fields[1] or ())
    )


def _plain_charge(op: Charge, fields: list[Any]) -> CallResult:
    """A charge that was taken as it is; what it said itself is not told again."""
    _, directive, reserved, left_ms, valid_ms, rated, charged = fields
    return _new_tuple(
        CallResult,
        (
            0, 0, directive, _ACTIVE, reserved, left_ms, valid_ms, rated, charged, rated - charged,
            0, op.pin, op.usage, 0, 0, 0, 0, 0, 0, 0, (), op.model, (),
        ),
    )  # fmt: skip


_RESULTS: dict[type, Callable[[list[Any]], Result]] = {
    Authorize: _call_result,
    Charge: _call_result,
    bytes: _call_result,
    Settle: _call_result,
    End: _call_result,
    LookAccount: _account_view,
    LookCall: _call_view,
    LookGrant: _call_result,
}


def _result(op: Operation | bytes, fields: list[Any]) -> Result:
    if fields[0]:
        return _refused(fields)
    if len(fields) == _PLAIN_FIELDS and type(op) is Charge:
        return _plain_charge(op, fields)
    make = _RESULTS.get(type(op))
    return make(fields) if make else Simple(*fields)


def decode(reply: bytes, operations: Sequence[Operation | bytes]) -> BatchReply:
    """Unpacks the reply to a batch of these operations."""
    status, now_ms, posted_n, last_n, rest = msgpack.unpackb(reply, raw=True, strict_map_key=False)
    if status != Status.DECIDED:
        stored = rest.decode() if isinstance(rest, bytes) else ""
        return BatchReply(Status(status), now_ms, posted_n, last_n, [], stored)
    results = [
        fields if op.__class__ is bytes and len(fields) == _PLAIN_FIELDS else _result(op, fields)
        for op, fields in zip(operations, rest, strict=True)
    ]
    return BatchReply(Status.DECIDED, now_ms, posted_n, last_n, results)
