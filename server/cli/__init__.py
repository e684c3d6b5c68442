"""The command line `tollgate`."""

import sys

import typer

from server.cli import (
    auditing,
    calls,
    console,
    documents,
    keys,
    limits,
    notifications,
    organisations,
    rates,
    serving,
    simulating,
    state,
    tariffs,
    tenants,
    topups,
)
from server.cli.history import exporting, refusing, seeding, showing
from server.cli.problems import Problem

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command(epilog=serving.settings_help())(serving.serve)
app.command()(serving.demo)
app.command()(simulating.simulate)
app.command()(auditing.audit)
app.command()(limits.limits)
app.command()(state.state)
app.command()(documents.invoice)
app.command()(documents.act)
app.command()(showing.month)
app.command()(showing.history)
app.command()(refusing.refusals)
app.command()(exporting.export)
app.command()(seeding.seed)
app.add_typer(tenants.app, name="tenant")
app.add_typer(tariffs.app, name="tariff")
app.add_typer(keys.app, name="key")
app.add_typer(calls.app, name="call")
app.add_typer(organisations.app, name="org")
app.add_typer(documents.app, name="document")
app.add_typer(topups.app, name="topup")
app.add_typer(notifications.app, name="notify")
app.add_typer(rates.app, name="rate")
app.add_typer(console.app, name="console")


@app.callback()
def tollgate() -> None:
    """Prepaid call authorization for AI phone assistants.

    Commands other than serve and demo talk to a running server, TOLLGATE_SERVER, with the key in
    TOLLGATE_API_KEY or the one that the server keeps in its state directory, TOLLGATE_STATE_DIR.
    """


def main() -> None:
    """The entry point of the console script."""
    try:
        app(prog_name="tollgate")
    except Problem as problem:
        print(f"tollgate: {problem}", file=sys.stderr)
        sys.exit(1)
