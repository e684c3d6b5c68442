"""`tollgate simulate`: a gateway with many calls, a live table, and an audit at the end."""

import asyncio
import secrets
import signal
from collections.abc import Callable, Iterator
from functools import partial
from typing import Annotated

import grpc
import typer
from rich.console import Console

from server.cli import parsing
from server.cli.connection import DEFAULT_SERVER, ServerOption, find_key
from server.cli.problems import problem_of
from server.simulator.display import print_summary, run_shown
from server.simulator.exchange import CHANNEL_OPTIONS
from server.simulator.funding import found_tenants, known_tenants
from server.simulator.office import Office
from server.simulator.plan import CallPlan, plan_calls
from server.simulator.run import Simulation, Size
from server.simulator.tally import Tally

LENGTH_MS, REPORT_MS = 75_000, 5_000
Plan = Callable[..., Iterator[CallPlan]]

# More calls at once, each reporting so often, would measure this machine and not the server.
MOST_REPORTS_PER_S = 1_000


def simulate(
    calls: Annotated[int, typer.Option(min=1, max=1_000_000, help="How many calls.")] = 100,
    concurrency: Annotated[int, typer.Option(min=1, max=2_000, help="How many at a time.")] = 20,
    tenants: Annotated[int, typer.Option(min=1, max=50, help="How many tenants to make.")] = 4,
    tenant: Annotated[
        list[str] | None, typer.Option(help="Call for this tenant instead; may be repeated.")
    ] = None,
    duration: Annotated[
        int | None,
        typer.Option(
            parser=parsing.duration,
            metavar="TIME",
            help="Start no further call after this time, like 30s.",
        ),
    ] = None,
    speed: Annotated[
        float, typer.Option(min=0.1, max=100, help="How much faster than life calls go on.")
    ] = 20.0,
    length: Annotated[
        int | None,
        typer.Option(
            parser=parsing.duration,
            metavar="TIME",
            help="Half of the calls are shorter than this, half longer; by default 75s.",
        ),
    ] = None,
    report_interval: Annotated[
        int | None,
        typer.Option(
            parser=parsing.duration,
            metavar="TIME",
            help="How often a call reports, in its own time; by default 5s.",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="The same seed makes the same calls.")] = 1,
    server: ServerOption = DEFAULT_SERVER,
) -> None:
    """Carry many AI calls at once, as a gateway would; exit code 1 if the books do not add up.

    Makes tenants of its own (sim-…): one with money, one that runs dry, one with a small daily
    cap, one with few calls at once, and so on by turns. Kill the server meanwhile if you like.

    Asks over one stream of the client library, by its tollgate_client.session.questions alone: the
    calls go on faster than life, so the simulation keeps them itself. A Call of the library, which
    goes by the real clock, is carried by `tollgate call carry`.
    """
    size = Size(
        calls, concurrency, speed, report_interval or REPORT_MS, duration and duration / 1000
    )
    _bounded(size)
    # The other commands do without the client library; without it this ends here.
    plan = partial(plan_calls, seed=seed, median_s=(length or LENGTH_MS) / 1000)
    try:
        well = asyncio.run(_simulate(server, find_key(), size, plan, tenant or [], tenants))
    except asyncio.CancelledError:
        well = False
    except grpc.aio.AioRpcError as error:
        raise problem_of(error, server) from None
    raise typer.Exit(0 if well else 1)


def _bounded(size: Size) -> None:
    reports = size.concurrency * size.speed * 1000 / max(1, size.report_ms)
    if reports > MOST_REPORTS_PER_S:
        raise typer.BadParameter(
            f"that makes {reports:,.0f} reports a second, more than {MOST_REPORTS_PER_S:,}: lower "
            "--concurrency or --speed, or raise --report-interval"
        )


async def _simulate(
    server: str, key: str, size: Size, plan: Plan, named: list[str], number: int
) -> bool:
    """Whether every call was posted and the books add up."""
    from server.simulator.stream import StreamExchange

    console, run = Console(), f"sim-{secrets.token_hex(3)}"
    async with grpc.aio.insecure_channel(server, options=CHANNEL_OPTIONS) as channel:
        office = Office(channel, key)
        tally = Tally(
            await known_tenants(office, named)
            if named
            else await found_tenants(office, run, number, size.concurrency)
        )
        async with StreamExchange(server, key, tally.took, tally.failed) as exchange:
            simulation = Simulation(exchange, tally, size, plan(run, tenants=list(tally.tenants)))
            _hang_up_on_interrupt(simulation, console)
            _announce(console, run, size, len(tally.tenants))
            await run_shown(simulation, partial(office.look, tally), console)
        verdict = await office.verdict(tally)
        print_summary(tally, verdict, console)
    return not verdict.faults


def _announce(console: Console, run: str, size: Size, tenants: int) -> None:
    console.print(
        f"{run}: {size.calls} calls of {tenants} tenants, {size.concurrency} at a time, "
        f"{size.speed:g} times faster than life. Ctrl-C hangs up.",
        highlight=False,
        soft_wrap=True,
    )


def _hang_up_on_interrupt(simulation: Simulation, console: Console) -> None:
    """The first Ctrl-C ends all calls properly, the second one ends the command."""
    loop = asyncio.get_running_loop()
    task = asyncio.current_task()
    assert task is not None

    def on_interrupt() -> None:
        console.print("Hanging up; every call is settled first. Ctrl-C again does not wait.")
        simulation.hang_up()
        loop.add_signal_handler(signal.SIGINT, task.cancel)

    loop.add_signal_handler(signal.SIGINT, on_interrupt)
