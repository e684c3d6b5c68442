"""Batches and replies survive the way there and back; what cannot travel is known."""

from typing import Any

import msgpack
import pytest

from quota.batch import BatchReply, ChargeStem, Header, Simple, Status, can_travel, decode, encode
from quota.decision import (
    AccountView,
    CallResult,
    CallView,
    Code,
    Directive,
    Event,
    Reason,
    Refused,
    State,
)
from quota.operation import (
    KINDS,
    NONE,
    Authorize,
    Charge,
    Day,
    Debit,
    End,
    Load,
    LookAccount,
    LookCall,
    Operation,
    Settle,
    debit_key,
)
from quota.outbox import CrossingEntry, DebitedEntry, SettledEntry, decode_entry

DATES = [b"20260228", b"20260301", b"20260302"]
HEADER = Header("7", 1, 2, 3, 4, 5, 6, 7, 8, ("20260228", "20260301", "20260302"), "changes")
DAY = Day("20260301", 1_772_409_600_000, "20260302")
CHARGE = Charge("Анна", "call", 1, DAY, "pin", "omni", 10**12, 2**53 - 1, b"\x00\xff", NONE, 0)
LOAD = Load("anna", 1, -(10**15), 0, NONE, NONE, NONE, NONE, 0, 1, "p", (("20260301", 5),))


def pack(value: Any) -> bytes:
    """As the script packs: texts are raw strings."""
    packed: bytes = msgpack.packb(value, use_bin_type=False)
    return packed


def reply(*results: Any) -> bytes:
    """A decided batch's reply."""
    return pack([0, 99, 3, 4, list(results)])


def test_a_batch_travels_with_header_kinds_and_fields_in_order() -> None:
    header, operations = msgpack.unpackb(encode(HEADER, [CHARGE, LOAD]), raw=True)
    assert header == [b"7", 1, 2, 3, 4, 5, 6, 7, 8, DATES, b"changes"]
    assert operations[0] == [
        4, "Анна".encode(), b"call", 1, [b"20260301", 1_772_409_600_000, b"20260302"], b"pin",
        b"omni", 10**12, 2**53 - 1, b"\x00\xff", -1, 0,
    ]  # fmt: skip
    assert operations[1][:4] == [1, b"anna", 1, -(10**15)]
    assert operations[1][-4:] == [[[b"20260301", 5]], NONE, NONE, NONE]


def test_only_string_types_that_the_script_knows_are_used() -> None:
    newer = {0xD9, 0xC4, 0xC5, 0xC6}  # str 8, bin 8, bin 16, bin 32
    packed = encode(HEADER, [CHARGE._replace(usage=b"\x01" * 40, model="m" * 40)])
    assert not newer & set(packed)


def test_no_operations_travel_as_an_empty_list() -> None:
    assert msgpack.unpackb(encode(HEADER, []), raw=True)[1] == []
    assert decode(reply(), []) == BatchReply(Status.DECIDED, 99, 3, 4, [])


@pytest.mark.parametrize("status", [Status.OTHER_EPOCH, Status.TORN])
def test_an_undecided_reply_tells_the_stored_epoch(status: Status) -> None:
    undecided = pack([int(status), 99, 3, 4, "8" if status is Status.OTHER_EPOCH else ""])
    stored = "8" if status is Status.OTHER_EPOCH else ""
    assert decode(undecided, [CHARGE]) == BatchReply(status, 99, 3, 4, [], stored)


def test_each_answer_becomes_the_value_of_its_operation() -> None:
    days = [["20260301", 70]]
    call = [0, 1, 4, 2, *range(5, 12), b"pin", b"\xff", *range(14, 21), days, b"omni", [40, 250]]
    account = [0, *range(1, 13), b"profile", 14, days, 60, 500, 90_000]
    view = [0, 1, b"pin", b"omni", b"\xff", b"desk", *range(6, 13), b"u", days, b"t", 1, 2]
    operations: list[Operation] = [
        End("anna", "call"), LookAccount("anna"), LookCall("anna", "call"), LOAD,
    ]  # fmt: skip
    ended, seen, looked, loaded = decode(reply(call, account, view, [0]), operations).results
    assert isinstance(ended, CallResult)
    assert (ended.pin, ended.usage, ended.model) == ("pin", b"\xff", "omni")
    assert ended.spend_by_day == (("20260301", 70),)
    assert (ended.state, ended.rated, ended.n, ended.known) == (2, 8, 11, 14)
    assert ended.guard == (40, 250)
    assert isinstance(seen, AccountView)
    assert (seen.balance, seen.profile, seen.posted_n) == (1, "profile", 14)
    assert (seen.calls_per_minute, seen.call_length_limit_ms) == (60, 90_000)
    assert isinstance(looked, CallView)
    assert (looked.parties, looked.assistant_id, looked.times) == (b"\xff", "desk", b"t")
    assert loaded == Simple(Code.OK)


def test_a_plain_charge_is_told_its_own_pin_usage_and_model() -> None:
    [result] = decode(reply([0, 3, 500, 40, 30, 20, 15]), [CHARGE]).results
    assert isinstance(result, CallResult)
    assert result._asdict() == {
        "code": Code.OK, "reason": Reason.NONE, "directive": Directive.FINISH,
        "state": State.ACTIVE, "reserved": 500, "left_ms": 40, "valid_for_ms": 30, "rated": 20,
        "charged": 15, "overrun": 5, "n": 0, "pin": "pin", "usage": b"\x00\xff", "known": 0,
        "available": 0, "reserved_by_others": 0, "daily_cap": 0, "spend_today": 0,
        "day_end_ms": 0, "outcome": 0, "spend_by_day": (), "model": "omni", "guard": (),
    }  # fmt: skip


def test_a_packed_charge_travels_as_the_charge_that_it_is() -> None:
    packed = ChargeStem(CHARGE._replace(total=1, weight=2, usage=b"3", elapsed_ms=4)).pack(
        CHARGE.total, CHARGE.weight, CHARGE.usage, CHARGE.elapsed_ms
    )
    assert encode(HEADER, [packed, LOAD, packed]) == encode(HEADER, [CHARGE, LOAD, CHARGE])
    assert can_travel(packed)


def test_a_packed_charge_is_answered_with_its_plain_fields_or_like_any_other() -> None:
    call = [0, 1, 4, 2, *range(5, 12), b"pin", b"\xff", *range(14, 21), [], b"omni", []]
    plain = [0, 3, 500, 40, 30, 20, 15]
    packed = ChargeStem(CHARGE).pack(1, 1, b"", 1)
    results: list[Any] = decode(reply(plain, call, [4, [b"pin"]]), [packed] * 3).results
    assert results[0] == plain
    assert isinstance(results[1], CallResult)
    assert results[2] == Refused(Code.PIN_MISMATCH, ("pin",))


@pytest.mark.parametrize("empty", [[], {}, 0])
def test_no_days_are_an_empty_tuple_however_they_are_packed(empty: Any) -> None:
    account = [0, *range(1, 13), b"profile", 14, empty, NONE, NONE, NONE]
    [seen] = decode(reply(account), [LookAccount("anna")]).results
    assert isinstance(seen, AccountView)
    assert seen.spend_by_day == ()


@pytest.mark.parametrize("operation", [CHARGE, LOAD, LookAccount("a"), End("a", "b")])
def test_a_refusal_is_a_refusal_whatever_was_asked(operation: Operation) -> None:
    for detail, expected in (([], ()), ({}, ()), ([b"pin", 3], ("pin", 3))):
        [refused] = decode(reply([4, detail]), [operation]).results
        assert refused == Refused(Code.PIN_MISMATCH, expected)


def test_a_reply_of_another_length_is_an_error() -> None:
    with pytest.raises(ValueError, match="zip"):
        decode(reply([0], [0]), [LOAD])


@pytest.mark.parametrize(
    "operation",
    [
        CHARGE._replace(total=2**64),
        LOAD._replace(balance=-(2**63) - 1),
        LOAD._replace(tenant="\ud800"),
        CHARGE._replace(usage=object()),  # type: ignore[arg-type]
    ],
)
def test_what_cannot_be_packed_is_told_beforehand(operation: Operation) -> None:
    assert not can_travel(operation)
    assert can_travel(CHARGE)
    with pytest.raises((OverflowError, ValueError, TypeError)):
        encode(HEADER, [CHARGE, operation])
    assert encode(HEADER, [CHARGE]) == encode(HEADER, [CHARGE])  # nothing was left behind


def test_every_operation_names_tenant_first_and_key_second() -> None:
    for operation in KINDS:
        fields = operation._fields  # type: ignore[attr-defined]
        assert fields[0] == "tenant"
    for kind in (Authorize, Charge, Settle, End, LookCall):
        assert kind._fields[1] == "call_id"
    assert Debit._fields[1] == "key"
    assert debit_key("r1") == "!r1"


def test_outbox_entries_become_values() -> None:
    settled = [
        b"pin", b"omni", b"\xff", b"desk", 1_000, 7_000, 70, 60, 10, b"u", 3_000,
        [[b"20260301", 60]], b"digest", b"times", 1,
    ]  # fmt: skip
    assert decode_entry(5, pack([1, "anna", "call", 9, settled])) == SettledEntry(
        5, "anna", "call", 9, "pin", "omni", b"\xff", "desk", 1_000, 7_000, 70, 60, 10, b"u",
        3_000, (("20260301", 60),), b"digest", b"times", 1,
    )  # fmt: skip
    settled[11] = 0
    entry = decode_entry(5, pack([1, "anna", "call", 9, settled]))
    assert isinstance(entry, SettledEntry)
    assert entry.spend_by_day == ()
    assert decode_entry(6, pack([2, "anna", "!r", 9, 5, b"d", b"note"])) == DebitedEntry(
        6, "anna", "!r", 9, 5, b"d", b"note"
    )
    assert decode_entry(7, pack([3, "anna", "", 9, -5, 100])) == CrossingEntry(
        7, "anna", Event.LOW_BALANCE, 9, -5, 100
    )
