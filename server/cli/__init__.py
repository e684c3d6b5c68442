"""The command line `tollgate`."""

import typer

from server.cli import serving

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command()(serving.serve)
app.command()(serving.demo)


@app.callback()
def tollgate() -> None:
    """Prepaid call authorization for AI phone assistants."""


def main() -> None:
    """The entry point of the console script."""
    app()
