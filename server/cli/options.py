"""Arguments and options that several commands share."""

import secrets
from typing import Annotated

import typer

TenantArgument = Annotated[str, typer.Argument(metavar="TENANT", help="The tenant's id.")]
CallArgument = Annotated[str, typer.Argument(metavar="CALL", help="The call's id.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON; money in micros.")]
RequestId = Annotated[
    str | None,
    typer.Option(help="Names this change, so that a repeat changes nothing; by default a new one."),
]


def request_id_or_new(given: str | None) -> str:
    """The given request id, or one that was never used."""
    return given or f"cli-{secrets.token_hex(16)}"
