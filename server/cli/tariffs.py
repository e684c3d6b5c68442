"""`tollgate tariff`: import price books and list them."""

from pathlib import Path
from typing import Annotated

import typer

from server.cli import printing
from server.cli.connection import DEFAULT_SERVER, Connection, ServerOption
from server.cli.options import RequestId, request_id_or_new
from server.cli.tariff_file import read_tariff
from tollgate.v1 import billing_pb2 as pb

UNITS = {
    pb.RATE_UNIT_PER_1K: "per 1,000",
    pb.RATE_UNIT_PER_MINUTE: "per minute",
    pb.RATE_UNIT_PER_CALL: "per call",
}

app = typer.Typer(no_args_is_help=True, help="Import price books and list them.")


@app.command("import")
def import_tariff(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A TOML price book.")],
    request_id: RequestId = None,
    server: ServerOption = DEFAULT_SERVER,
) -> None:
    """Add the next version of a tariff from a file shaped like the built-in price book.

    The version is counted by the server; a version in the file is not looked at.
    """
    request = pb.PutTariffRequest(
        request_id=request_id_or_new(request_id), tariff=read_tariff(file)
    )
    with Connection(server) as connection:
        tariff = connection.ask(connection.billing.PutTariff, request).tariff
    models = ", ".join(model.model for model in tariff.models)
    printing.say(
        f"Imported {tariff.name}@{tariff.version} in {tariff.currency}, for new calls from "
        f"{printing.moment(tariff, 'effective_from')}. It prices {models}."
    )


@app.command("list")
def list_tariffs(
    name: Annotated[str, typer.Argument(help="Only this tariff.")] = "",
    prices: Annotated[bool, typer.Option("--prices", help="Show every price.")] = False,
    server: ServerOption = DEFAULT_SERVER,
) -> None:
    """List all versions of all tariffs."""
    with Connection(server) as connection:
        request = pb.ListTariffsRequest(name=name)
        tariffs = connection.ask(connection.billing.ListTariffs, request).tariffs
    rows = [
        (
            f"{tariff.name}@{tariff.version}",
            tariff.currency,
            printing.moment(tariff, "effective_from"),
            f"{tariff.free_period_ms / 1000:g} s",
            ", ".join(model.model for model in tariff.models),
        )
        for tariff in tariffs
    ]
    printing.table(("tariff", "currency", "effective from", ">free period", "models"), rows)
    if prices:
        for tariff in tariffs:
            _print_prices(tariff)


def _print_prices(tariff: pb.Tariff) -> None:
    printing.say(f"\n{tariff.name}@{tariff.version}, in {tariff.currency}")
    rows = [
        (model.model, price.meter, price.rate, UNITS[price.unit], _expected(price))
        for model in tariff.models
        for price in model.meters
    ]
    printing.table(("model", "meter", ">rate", "", ">expected per minute"), rows)


def _expected(price: pb.MeterPrice) -> str:
    return (
        printing.NONE if price.unit == pb.RATE_UNIT_PER_CALL else f"{price.expected_per_minute:,}"
    )
