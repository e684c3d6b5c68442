"""Between a TOML price book and the contract's message; whether it makes sense the ledger says."""

import tomllib
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from google.protobuf.json_format import ParseDict, ParseError

from server.errors import InvalidFields, Violation
from tollgate.v1 import billing_pb2 as pb

ENUMS: Mapping[str, tuple[str, Any]] = {
    "unit": ("RATE_UNIT_", pb.RateUnit),
    "mode": ("ROUNDING_MODE_", pb.RoundingMode),
}
DOCUMENT, REASON = "tariff", "INVALID_TARIFF"


def tariff_of(text: str) -> pb.Tariff:
    """The tariff that a text describes. Raises InvalidFields with the field that cannot be read."""
    try:
        return ParseDict(_named(tomllib.loads(text)), pb.Tariff())
    except tomllib.TOMLDecodeError as error:
        raise _wrong(DOCUMENT, f"is not TOML: {error}") from None
    except ParseError as error:
        raise _wrong(DOCUMENT, f"is not a price book: {error}") from None


def text_of_tariff(tariff: pb.Tariff) -> str:
    """The text that describes a tariff as it is, to begin a new version from. It does not say from
    when it is effective: the new version is so at once, unless somebody writes it.
    """
    lines = [
        f'name = "{tariff.name}"',
        f'currency = "{tariff.currency}"',
        "# effective_from = 2030-01-01T00:00:00Z",
        f"free_period_ms = {tariff.free_period_ms}",
        "",
        "[rounding]",
        f'mode = "{_word(tariff.rounding.mode, "mode")}"',
        f"quantum_micros = {tariff.rounding.quantum_micros}",
    ]
    for model in tariff.models:
        lines += ["", "[[models]]", f'model = "{model.model}"']
        for price in model.meters:
            lines += ["", "[[models.meters]]", *_price_lines(price)]
    return "\n".join(lines) + "\n"


def _price_lines(price: pb.MeterPrice) -> Iterator[str]:
    yield f'meter = "{price.meter}"'
    yield f'rate = "{price.rate}"'
    yield f'unit = "{_word(price.unit, "unit")}"'
    yield f'component = "{price.component}"'
    if price.HasField("increment"):
        steps = price.increment
        yield f"increment = {{ initial_ms = {steps.initial_ms}, next_ms = {steps.next_ms} }}"
    if price.unit != pb.RATE_UNIT_PER_CALL:
        yield f"expected_per_minute = {price.expected_per_minute}"


def _word(number: int, field: str) -> str:
    prefix, enum = ENUMS[field]
    name: str = enum.Name(number)
    return name.removeprefix(prefix).lower()


def _named(value: Any, field: str = "", path: str = DOCUMENT) -> Any:
    """The document in the words of the contract's JSON form."""
    if isinstance(value, Mapping):
        kept = {name: each for name, each in value.items() if (path, name) != (DOCUMENT, "version")}
        return {name: _named(each, name, f"{path}.{name}") for name, each in kept.items()}
    if isinstance(value, list):
        return [_named(each, field, f"{path}[{place}]") for place, each in enumerate(value)]
    if isinstance(value, datetime):
        return _moment(value, path)
    if field in ENUMS and isinstance(value, str):
        return _enum_name(value, field, path)
    return value


def _moment(value: datetime, path: str) -> str:
    if value.tzinfo is None:
        must = "must be a time with its offset from UTC, like 2026-01-01T00:00:00Z"
        raise _wrong(path, must)
    return value.isoformat()


def _enum_name(value: str, field: str, path: str) -> str:
    prefix, enum = ENUMS[field]
    name = prefix + value.upper()
    if name not in enum.keys():  # noqa: SIM118 (an enum wrapper is no mapping)
        known = [each.removeprefix(prefix).lower() for each in enum.keys()[1:]]
        raise _wrong(path, f"must be one of {', '.join(known)}")
    return name


def _wrong(field: str, description: str) -> InvalidFields:
    return InvalidFields([Violation(field, description, REASON)])
