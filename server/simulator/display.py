"""How a simulation is shown: a live table on a terminal, a line per second elsewhere."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from server.money import show
from server.simulator.office import Verdict
from server.simulator.run import Simulation
from server.simulator.tally import Tally, TenantTally

LOOK_S = 1.0
REDRAW_S = 0.25

# Below this width the table does without what the other columns tell as well.
NARROW = 105
NUMBERS = (
    ("active", "active"),
    ("accepted", "accepted"),
    ("extended", "extended"),
    ("finished", "finished"),
    ("hung_up", "hung up"),
    ("settled", "settled"),
    ("posted", "posted"),
)


async def run_shown(
    simulation: Simulation, look: Callable[[], Awaitable[None]], console: Console
) -> None:
    """Runs a simulation to its end while showing it. `look` refreshes the balances."""
    await look()
    shown = _table_shown if console.is_terminal else _lines_shown
    showing = asyncio.create_task(shown(simulation, look, console))
    try:
        await simulation.run()
    finally:
        showing.cancel()
        await asyncio.gather(showing, return_exceptions=True)
    await look()
    if console.is_terminal:
        console.print(tenant_table(simulation.tally, console.width))


async def _table_shown(
    simulation: Simulation, look: Callable[[], Awaitable[None]], console: Console
) -> None:
    progress = Progress(
        TextColumn("calls"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=console
    )
    task = progress.add_task("calls", total=simulation.size.calls)

    def drawn() -> RenderableType:
        progress.update(task, completed=simulation.done)
        return Group(tenant_table(simulation.tally, console.width), progress)

    with Live(drawn(), console=console, auto_refresh=False, transient=True) as live:
        for tick in itertools.count():
            if tick % round(LOOK_S / REDRAW_S) == 0:
                await look()
            live.update(drawn(), refresh=True)
            await asyncio.sleep(REDRAW_S)


async def _lines_shown(
    simulation: Simulation, look: Callable[[], Awaitable[None]], console: Console
) -> None:
    while True:
        await look()
        console.print(_line(simulation), highlight=False, soft_wrap=True)
        await asyncio.sleep(LOOK_S)


def _line(simulation: Simulation) -> str:
    tally = simulation.tally
    numbers = ", ".join(f"{tally.total(count)} {word}" for count, word in NUMBERS)
    refused = sum(tally.refusals().values())
    return f"  {simulation.done}/{simulation.size.calls} calls done: {numbers}, {refused} refused"


def tenant_table(tally: Tally, width: int) -> RenderableType:
    """The state of every tenant of a simulation, and below it why calls were refused."""
    numbers = [(count, word) for count, word in NUMBERS if width >= NARROW or count != "settled"]
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    table.add_column("tenant")
    for _, word in numbers:
        table.add_column(word.replace(" ", "\n"), justify="right")
    for word in ("refused", "spent", "balance", "cap\nleft"):
        if width >= NARROW or word != "spent":
            table.add_column(word, justify="right", no_wrap=True)
    for tenant in tally.tenants.values():
        cells: list[RenderableType] = [tenant.name]
        cells += [_number(count, getattr(tenant, count)) for count, _ in numbers]
        table.add_row(*cells, *_closing_cells(tenant, width))
    return Group(table, *_refusal_lines(tally))


def _closing_cells(tenant: TenantTally, width: int) -> list[RenderableType]:
    refused = sum(tenant.refused.values())
    spent = [show(tenant.charged_micros, tenant.currency)] if width >= NARROW else []
    return [
        Text(str(refused) if refused else "·", style="red" if refused else ""),
        *spent,
        _money(tenant.balance_micros, tenant.currency),
        _money(tenant.cap_left_micros, tenant.currency),
    ]


def _refusal_lines(tally: Tally) -> list[Text]:
    """Refusals by tenant and reason, the most frequent first."""
    return [
        Text(f"  refused {tenant.name}: {count} × {reason}", style="red")
        for tenant in tally.tenants.values()
        for reason, count in tenant.refused.most_common()
    ]


def _number(count: str, value: int) -> Text:
    loud = value and count in ("finished", "hung_up")
    return Text(str(value) if value else "·", style="yellow" if loud else "")


def _money(micros: int | None, currency: str) -> str:
    return "–" if micros is None else show(micros, currency)


def print_summary(tally: Tally, verdict: Verdict, console: Console) -> None:
    """What happened, how long answers took, and what the books say."""
    for line in _story(tally):
        console.print(line, highlight=False, soft_wrap=True)
    console.print(_answers(tally))
    for fault in verdict.faults:
        console.print(f"[red]✗[/red] {fault}", highlight=False, soft_wrap=True)
    if verdict.audit is not None and not verdict.faults:
        console.print(
            f"[green]✓[/green] Audit: {verdict.audit.tenants} tenants compared, zero differences; "
            f"every call is in the ledger exactly once.",
            highlight=False,
            soft_wrap=True,
        )


def _story(tally: Tally) -> list[str]:
    refused = tally.refusals()
    lines = [
        f"{tally.total('begun')} calls: {tally.total('accepted')} accepted, "
        f"{sum(refused.values())} refused, {tally.total('extended')} times extended.",
        *(f"  refused {count} × {reason}" for reason, count in refused.most_common()),
        f"{tally.total('finished')} ended with their last grant, "
        f"{tally.total('hung_up')} were hung up, {tally.total('settled')} settled, "
        f"{tally.total('posted')} posted.",
    ]
    if tally.total("reopened"):
        lines.append(f"{tally.total('reopened')} times a call was authorized again in its course.")
    if tally.unanswered:
        told = ", ".join(f"{count} × {status}" for status, count in tally.unanswered.most_common())
        lines.append(f"Not answered and asked again: {told}; {tally.total('lost')} calls cut off.")
    for tenant in tally.tenants.values():
        lines.append(f"{tenant.name} spent {show(tenant.charged_micros, tenant.currency)}.")
    return lines


def _answers(tally: Tally) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 1), header_style="bold")
    table.add_column("answers of")
    for word in ("count", "p50", "p99"):
        table.add_column(word, justify="right")
    for rpc, count in tally.questions().items():
        p50, p99 = tally.percentile_ms(rpc, 0.5), tally.percentile_ms(rpc, 0.99)
        table.add_row(rpc, str(count), f"{p50:.1f} ms", f"{p99:.1f} ms")
    return table
