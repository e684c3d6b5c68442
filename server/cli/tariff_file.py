"""From a TOML price book to the contract's message; whether it makes sense the server checks."""

import tomllib
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from google.protobuf.json_format import ParseDict, ParseError

from server.cli.problems import Problem
from tollgate.v1 import billing_pb2 as pb

ENUMS = {"unit": ("RATE_UNIT_", pb.RateUnit), "mode": ("ROUNDING_MODE_", pb.RoundingMode)}


def read_tariff(file: Path) -> pb.Tariff:
    """The tariff in a file. Raises Problem that names the file and what is wrong there."""
    try:
        document = tomllib.loads(file.read_text("utf-8"))
        return ParseDict(_named(document), pb.Tariff())
    except UnicodeDecodeError:
        raise Problem(f"{file} is not UTF-8 text") from None
    except OSError as error:
        raise Problem(f"{file} cannot be read: {error.strerror}") from None
    except tomllib.TOMLDecodeError as error:
        raise Problem(f"{file} is not TOML: {error}") from None
    except ParseError as error:
        raise Problem(f"{file} is not a price book: {error}") from None


def _named(value: Any, field: str = "", path: str = "tariff") -> Any:
    """The document in the words of the contract's JSON form."""
    if isinstance(value, Mapping):
        kept = {name: each for name, each in value.items() if (path, name) != ("tariff", "version")}
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
        raise Problem(f"{path}: must be a time with its offset from UTC, like 2026-01-01T00:00:00Z")
    return value.isoformat()


def _enum_name(value: str, field: str, path: str) -> str:
    prefix, enum = ENUMS[field]
    name = prefix + value.upper()
    if name not in enum.keys():  # noqa: SIM118 (an enum wrapper is no mapping)
        known = [each.removeprefix(prefix).lower() for each in enum.keys()[1:]]
        raise Problem(f"{path}: must be one of {', '.join(known)}")
    return name
