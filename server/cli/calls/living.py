"""`tollgate call carry`: a call that runs by itself, to be watched."""

import asyncio
import secrets
import signal
from typing import Annotated

import typer

from server.cli import parsing, printing
from server.cli.calls import telling
from server.cli.connection import DEFAULT_SERVER, Connection, ServerOption
from server.cli.options import TenantArgument
from server.cli.problems import Problem
from server.money import show
from server.simulator.speech import MODELS, Model

LENGTH_MS = 600_000


def carry(
    tenant_id: TenantArgument,
    call_id: Annotated[str, typer.Argument(metavar="CALL", help="By default a new one.")] = "",
    model: Annotated[
        str, typer.Option(help=f"One of {', '.join(each.name for each in MODELS)}.")
    ] = "generic-assistant",
    length: Annotated[
        int | None,
        typer.Option(
            parser=parsing.duration, metavar="TIME", help="End after this time; by default 10m."
        ),
    ] = None,
    server: ServerOption = DEFAULT_SERVER,
) -> None:
    """Carry a call in real time, as a gateway would, and print what becomes of its grant.

    Ends with the money, at its length or with Ctrl-C; then the call is settled. Exit code 1 when
    it is refused.
    """
    call_id = call_id or f"carried-{secrets.token_hex(4)}"
    with Connection(server) as connection:
        currency, key = telling.currency_of(connection, tenant_id), connection.key
    printing.say(f"{call_id} of {tenant_id} on {model}; Ctrl-C hangs up.")
    asyncio.run(
        _carry(server, key, (tenant_id, call_id, _named(model)), currency, length or LENGTH_MS)
    )


async def _carry(
    server: str, key: str, names: tuple[str, str, Model], currency: str, length_ms: int
) -> None:
    from server.simulator.single import NotCarried, SingleCall

    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    try:
        bill = await SingleCall(*names, currency, printing.say).carry(
            server, key, length_ms / 1000, stop
        )
    except NotCarried as problem:
        raise Problem(str(problem)) from None
    items = ", ".join(f"{part} {show(micros)}" for part, micros in bill.cost.items())
    printing.say(f"Settled and posted: {show(bill.charged_micros, currency)}: {items}.")


def _named(name: str) -> Model:
    for model in MODELS:
        if model.name == name:
            return model
    known = ", ".join(model.name for model in MODELS)
    raise typer.BadParameter(f"{name!r} is none of {known}", param_hint="--model")
