"""`tollgate tariff`: import price books, list them, and ask what a call costs by them."""

from pathlib import Path
from typing import Annotated

import typer

from server.cli import parsing, printing
from server.cli.calls.carrying import UsageOption
from server.cli.connection import DEFAULT_SERVER, Connection, ServerOption
from server.cli.options import JsonOption, RequestId, request_id_or_new
from server.cli.problems import Problem
from server.cli.tariff_file import read_tariff
from server.money import show
from tollgate.v1 import billing_pb2 as pb
from tollgate.v1 import common_pb2, quotes_pb2

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


@app.command()
def quote(
    tariff: Annotated[
        str, typer.Argument(metavar="TARIFF", help="Its name, or name@version.")
    ] = "",
    tenant: Annotated[str, typer.Option(metavar="TENANT", help="Take this tenant's tariff.")] = "",
    model: Annotated[str, typer.Option(help="The model that speaks.")] = "generic-assistant",
    elapsed: Annotated[
        int,
        typer.Option("--for", parser=parsing.duration, metavar="TIME", help="How long it lasts."),
    ] = "1m",  # type: ignore[assignment]
    analytics: Annotated[bool, typer.Option(help="Price an analytics report in.")] = False,
    usage: UsageOption = None,
    json: JsonOption = False,
    server: ServerOption = DEFAULT_SERVER,
) -> None:
    """Tell what a call would cost: with the usage given, or the one that its tariff expects."""
    name, _, version = tariff.partition("@")
    if version and not (version.isascii() and version.isdigit()):
        raise Problem(f"{tariff}: the version must be a number, like standard@2")
    request = quotes_pb2.QuoteCallRequest(
        tenant_id=tenant,
        tariff=name,
        version=int(version or 0),
        model=model,
        elapsed_ms=elapsed,
        analytics=analytics,
        usage=common_pb2.Usage(quantities=parsing.usage(usage)) if usage else None,
    )
    with Connection(server) as connection:
        quoted = connection.ask(connection.billing.QuoteCall, request)
    if json:
        printing.as_json(quoted)
    else:
        _tell_quote(quoted)


def _tell_quote(quoted: quotes_pb2.QuoteCallResponse) -> None:
    free = " (below the free period)" if quoted.free else ""
    printing.facts(
        [
            ("tariff", quoted.tariff_version),
            ("costs", show(quoted.total_micros, quoted.currency) + free),
            ("exactly", show(quoted.exact_micros, quoted.currency)),
            *[
                (
                    f"  {each.meter}",
                    f"{each.quantity:,}: {show(each.amount_micros, quoted.currency)}",
                )
                for each in quoted.meters
            ],
        ]
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
            "in force" if tariff.in_force else "",
            f"{tariff.free_period_ms / 1000:g} s",
            ", ".join(model.model for model in tariff.models),
        )
        for tariff in tariffs
    ]
    printing.table(("tariff", "currency", "effective from", "", ">free period", "models"), rows)
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
