"""`tollgate console`: the way into the web console."""

from typing import Annotated

import typer

from server.cli import printing
from server.cli.connection import DEFAULT_SERVER, Connection, ServerOption
from server.cli.options import RequestId, request_id_or_new
from tollgate.v1 import console_pb2 as pb

app = typer.Typer(no_args_is_help=True, help="Sign in to the web console.")


@app.callback()
def console() -> None:
    """Sign in to the web console."""


@app.command()
def link(
    tenant: Annotated[
        str, typer.Option(help="Open this tenant's pages alone, with its own key's rights.")
    ] = "",
    request_id: RequestId = None,
    server: ServerOption = DEFAULT_SERVER,
) -> None:
    """Make a link that signs a browser in, once, within ten minutes."""
    request = pb.CreateConsoleLinkRequest(
        request_id=request_id_or_new(request_id), tenant_id=tenant
    )
    with Connection(server) as connection:
        made = connection.ask(connection.billing.CreateConsoleLink, request)
    if not made.url:
        printing.say("The link was made before; it is not shown again.")
        return
    printing.say("Open this in a browser; it works once, within ten minutes:")
    print(made.url)
