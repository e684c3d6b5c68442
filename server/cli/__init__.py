"""The command line `tollgate`."""

import sys

import typer

from server import logs, supervisor
from server.preparing import prepare
from server.settings import Misconfigured, load

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


@app.callback()
def tollgate() -> None:
    """Prepaid call authorization for AI phone assistants."""


@app.command()
def serve() -> None:
    """Serve until Ctrl-C or SIGTERM; starts its own stores when none are configured."""
    try:
        settings = load()
        logs.configure(settings.log_level, settings.log_format)
        sys.exit(supervisor.run(settings, lambda dsn: prepare(settings, dsn)))
    except Misconfigured as error:
        print(error, file=sys.stderr)
        sys.exit(78)


def main() -> None:
    """The entry point of the console script."""
    app()
