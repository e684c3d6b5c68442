"""`tollgate seed`: example tenants, to look at."""

from enum import StrEnum
from typing import Annotated

import typer

from server.cli import printing
from server.cli.connection import DEFAULT_SERVER, Connection, ServerOption
from server.cli.options import RequestId, request_id_or_new
from server.money import show
from tollgate.v1 import history_pb2 as pb


class Example(StrEnum):
    """The examples there are."""

    MARCH_2026 = "march-2026"


def seed(
    example: Annotated[Example, typer.Argument(help="The example.")],
    tenant: Annotated[
        str, typer.Option(metavar="TENANT", help="The id; by default the example's name.")
    ] = "",
    request_id: RequestId = None,
    server: ServerOption = DEFAULT_SERVER,
) -> None:
    """Create an example tenant with a past, for administrators."""
    tenant_id = tenant or str(example)
    request = pb.SeedExampleRequest(
        request_id=request_id_or_new(request_id), tenant_id=tenant_id, example=str(example)
    )
    with Connection(server) as connection:
        reply = connection.ask(connection.billing.SeedExample, request)
    printing.say(
        f"Created {tenant_id} with {reply.calls} calls and {show(reply.balance_micros, 'USD')}. "
        "Look at it:"
    )
    printing.say(f"  tollgate month {tenant_id} {reply.month}")
    printing.say(f"  tollgate history {tenant_id} --from {reply.month}-01 --to {reply.month}-15")
