"""`tollgate export`: CSV files, written as they come."""

import sys
from contextlib import nullcontext
from enum import StrEnum
from pathlib import Path
from typing import Annotated, BinaryIO

import grpc
import typer

from server.cli import printing
from server.cli.connection import DEFAULT_SERVER, Connection, ServerOption
from server.cli.history.choices import (
    LANGUAGES,
    FirstDay,
    LastDay,
    StatusOption,
    TypeOption,
    statuses_of,
    types_of,
)
from server.cli.options import TenantArgument
from server.cli.problems import Problem, problem_of
from tollgate.v1 import history_pb2 as pb


class Table(StrEnum):
    """What is exported."""

    TRANSACTIONS = "transactions"
    CALLS = "calls"
    REFUSALS = "refusals"
    CDR = "cdr"


class Language(StrEnum):
    """Whose words, numbers and dates."""

    EN = "en"
    RU = "ru"


def export(
    tenant_id: TenantArgument,
    table: Annotated[Table, typer.Argument(help="What to export.")] = Table.TRANSACTIONS,
    first_day: FirstDay = "",
    last_day: LastDay = "",
    types: TypeOption = None,
    statuses: StatusOption = None,
    language: Annotated[
        Language, typer.Option(help="ru writes semicolons and decimal commas.")
    ] = Language.EN,
    excel: Annotated[bool, typer.Option("--excel", help="Begin with a byte order mark.")] = False,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The file; by default standard output.")
    ] = None,
    server: ServerOption = DEFAULT_SERVER,
) -> None:
    """Write the payment history, calls, refusals or call detail records as CSV."""
    request = pb.ExportHistoryRequest(
        tenant_id=tenant_id,
        table=pb.ExportTable.Value(f"EXPORT_TABLE_{table.upper()}"),
        first_day=first_day,
        last_day=last_day,
        types=types_of(types),
        statuses=statuses_of(statuses),
        language=LANGUAGES[language],
        byte_order_mark=excel,
    )
    try:
        place = nullcontext(sys.stdout.buffer) if output is None else output.open("wb")
    except OSError as error:
        raise Problem(f"{output} cannot be written: {error.strerror}") from None
    with Connection(server) as connection, place as file:
        written = _write(connection, request, file)
    if output is not None:
        printing.say(f"Wrote {written:,} bytes to {output}.")


def _write(connection: Connection, request: pb.ExportHistoryRequest, file: BinaryIO) -> int:
    written = 0
    metadata = (("authorization", f"Bearer {connection.key}"),)
    try:
        for reply in connection.billing.ExportHistory(request, metadata=metadata):
            written += file.write(reply.chunk)
    except grpc.RpcError as error:
        raise problem_of(error, connection.server) from None
    file.flush()
    return written
