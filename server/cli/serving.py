"""`tollgate serve` and `tollgate demo`: the commands that are a server."""

import sys

import typer

from server.settings import PREFIX, Misconfigured, Settings, load

EXIT_MISCONFIGURED = 78


def serve() -> None:
    """Serve until Ctrl-C or SIGTERM; starts its own stores when none are configured."""
    from server import logs, supervisor
    from server.preparing import prepare

    settings = _settings()
    logs.configure(settings.log_level, settings.log_format)
    try:
        status = supervisor.run(settings, lambda dsn: prepare(settings, dsn))
    except Misconfigured as error:
        print(error, file=sys.stderr)
        status = EXIT_MISCONFIGURED
    raise typer.Exit(status)


def demo() -> None:
    """Serve with three demo tenants and show what Tollgate decides, within a minute.

    Creates the tenants technomaster, last-penny-pizza and lanternfish-travel in the state
    directory (TOLLGATE_STATE_DIR) and sets their balances at every run. Ctrl-C stops all of it.
    """
    from server.cli.demo.running import run_demo

    raise typer.Exit(run_demo(_settings()))


def settings_help() -> str:
    """Every setting with what it does and its default, for the end of a help text."""
    told = [
        f"\b\n{PREFIX}{name.upper()}\n  {field.description}\n  Default: {_default(field.default)}"
        for name, field in Settings.model_fields.items()
    ]
    return "\n\n".join(["Settings are environment variables:", *told])


def _default(value: object) -> str:
    return "unset" if value is None else str(value)


def _settings() -> Settings:
    try:
        return load()
    except Misconfigured as error:
        print(error, file=sys.stderr)
        raise typer.Exit(EXIT_MISCONFIGURED) from None
