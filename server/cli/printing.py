"""How the commands print: aligned facts and tables for people, JSON for scripts."""

import json
from collections.abc import Iterable, Sequence
from datetime import UTC
from typing import Any

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from rich.console import Console
from rich.table import Table
from rich.text import Text

NONE = "–"
WIDEST = 1_000

console = Console(highlight=False, soft_wrap=True)


def say(text: str) -> None:
    """A sentence."""
    console.print(Text(text))


def facts(rows: Iterable[tuple[str, str]]) -> None:
    """Names and values, one below the other."""
    kept = list(rows)
    width = max(len(name) for name, _ in kept)
    for name, value in kept:
        console.print(Text(f"{name.ljust(width)}  {value}"))


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Rows under headings; a heading that begins with ">" aligns its column to the right."""
    drawn = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for column in columns:
        right = column.startswith(">")
        drawn.add_column(column.lstrip(">"), justify="right" if right else "left", no_wrap=True)
    for row in rows:
        drawn.add_row(*(Text(cell) for cell in row))
    # As wide as it needs: a pipe and a narrow terminal get whole cells.
    unbounded = console.options.update(width=WIDEST)
    width = max(console.width, console.measure(drawn, options=unbounded).maximum)
    Console(width=width, highlight=False).print(drawn)


def as_json(*messages: Message) -> None:
    """The messages' fields as one JSON object, by their names in the contract."""
    merged: dict[str, Any] = {}
    for message in messages:
        merged |= MessageToDict(
            message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
        )
    print(json.dumps(merged, ensure_ascii=False, indent=2))


def moment(message: Message, field: str) -> str:
    """A time of a message in the local time zone, or a dash."""
    if not message.HasField(field):
        return NONE
    stamp: Timestamp = getattr(message, field)
    return stamp.ToDatetime(UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S %Z")


def word(enum: Any, number: int, prefix: str) -> str:
    """An enum's value as people read it: DAILY_CAP_REACHED."""
    name: str = enum.Name(number)
    return name.removeprefix(prefix + "_")
