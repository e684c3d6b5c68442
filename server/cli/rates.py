"""`tollgate rate`: set and list exchange rates."""

from typing import Annotated

import typer

from server.cli import printing
from server.cli.connection import DEFAULT_SERVER, Connection, ServerOption
from server.cli.options import RequestId, request_id_or_new
from tollgate.v1 import payments_pb2 as pb

PAGE = 1000

app = typer.Typer(no_args_is_help=True, help="Set and list exchange rates.")


@app.command("set")
def set_rate(
    base: Annotated[str, typer.Argument(metavar="BASE", help="What is bought, like USD.")],
    quote: Annotated[str, typer.Argument(metavar="QUOTE", help="What is paid, like RUB.")],
    rate: Annotated[str, typer.Argument(metavar="RATE", help="QUOTE per BASE, like 92.4567.")],
    day: Annotated[
        str, typer.Option(metavar="YYYY-MM-DD", help="The first day it counts; by default today.")
    ] = "",
    request_id: RequestId = None,
    server: ServerOption = DEFAULT_SERVER,
) -> None:
    """Set a rate from a day on; top-ups keep the rate they were begun with."""
    asked = pb.ExchangeRate(base_currency=base, quote_currency=quote, rate=rate, day=day)
    request = pb.SetExchangeRateRequest(
        request_id=request_id_or_new(request_id), exchange_rate=asked
    )
    with Connection(server) as connection:
        known = connection.ask(connection.billing.SetExchangeRate, request).exchange_rate
    printing.say(
        f"From {known.day} on {known.base_currency} 1 costs {known.quote_currency} {known.rate}."
    )


@app.command("list")
def list_rates(server: ServerOption = DEFAULT_SERVER) -> None:
    """List the newest rates."""
    with Connection(server) as connection:
        asked = pb.ListExchangeRatesRequest(page_size=PAGE)
        rates = connection.ask(connection.billing.ListExchangeRates, asked).exchange_rates
    if not rates:
        printing.say("There are no rates yet. Set one: tollgate rate set USD RUB 92.4567")
        return
    rows = [(rate.day, rate.base_currency, rate.quote_currency, rate.rate) for rate in rates]
    printing.table(("from", "base", "quote", ">rate"), rows)
