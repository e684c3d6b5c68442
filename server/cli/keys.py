"""`tollgate key`: create, list and revoke API keys."""

from typing import Annotated

import typer

from server.cli import printing
from server.cli.connection import DEFAULT_SERVER, Connection, ServerOption
from server.cli.options import RequestId, request_id_or_new
from tollgate.v1 import billing_pb2 as pb

app = typer.Typer(no_args_is_help=True, help="Create, list and revoke API keys.")


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="What the key is for.")],
    scope: Annotated[
        list[str],
        typer.Option(help="gateway, admin or tenant:<id>; give it once per scope."),
    ],
    request_id: RequestId = None,
    server: ServerOption = DEFAULT_SERVER,
) -> None:
    """Create a key; it is shown once, here."""
    request = pb.CreateApiKeyRequest(
        request_id=request_id_or_new(request_id), name=name, scopes=scope
    )
    with Connection(server) as connection:
        created = connection.ask(connection.billing.CreateApiKey, request)
    if not created.api_key:
        printing.say(f"The key {created.key.key_id} was created before; it is not shown again.")
        return
    printing.say(f"Created the key {created.key.key_id}. Keep it now; it is not shown again:")
    print(created.api_key)


@app.command("list")
def list_keys(server: ServerOption = DEFAULT_SERVER) -> None:
    """List all keys without their secrets."""
    with Connection(server) as connection:
        keys = connection.ask(connection.billing.ListApiKeys, pb.ListApiKeysRequest()).keys
    rows = [
        (
            key.key_id,
            key.name,
            ", ".join(key.scopes),
            printing.moment(key, "created_at"),
            printing.moment(key, "revoked_at"),
        )
        for key in keys
    ]
    printing.table(("key", "for", "scopes", "created", "revoked"), rows)


@app.command()
def revoke(
    key_id: Annotated[str, typer.Argument(metavar="KEY", help="The key's id, not the key itself.")],
    request_id: RequestId = None,
    server: ServerOption = DEFAULT_SERVER,
) -> None:
    """Revoke a key; every process refuses it within 30 seconds."""
    request = pb.RevokeApiKeyRequest(request_id=request_id_or_new(request_id), key_id=key_id)
    with Connection(server) as connection:
        key = connection.ask(connection.billing.RevokeApiKey, request).key
    printing.say(f"Revoked the key {key.key_id}, “{key.name}”.")
