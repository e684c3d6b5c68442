"""`tollgate call`: carry a call by hand, and look at calls."""

import typer

from server.cli.calls import carrying, living, looking

app = typer.Typer(no_args_is_help=True, help="Carry a call by hand, and look at calls.")
app.command()(carrying.authorize)
app.command()(carrying.charge)
app.command()(carrying.settle)
app.command()(living.carry)
app.command("show")(looking.show_call)
app.command("list")(looking.list_calls)
app.command()(looking.end)
