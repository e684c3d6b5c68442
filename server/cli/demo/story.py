"""The demo's story: what a newcomer is told and shown, one phase after the other."""

import asyncio
import secrets
import time
from functools import partial

import grpc
from rich.console import Console
from rich.table import Table

from server.cli.demo.cast import CAST, DRY, POCKET_MONEY, lend, place
from server.cli.demo.closing import print_closing
from server.cli.demo.first_call import ABOUT, first_call
from server.money import show
from server.preparing import admin_key
from server.settings import Settings
from server.simulator.display import print_summary, run_shown
from server.simulator.office import Office
from server.simulator.plan import plan_calls
from server.simulator.run import Simulation, Size
from server.simulator.stream import StreamExchange
from server.simulator.tally import Tally
from tollgate.v1 import billing_pb2 as pb
from tollgate.v1.console_pb2 import CreateConsoleLinkRequest

SEED = 7
SIZE = Size(calls=48, concurrency=9, speed=20)
MEDIAN_S = 60
OPERATOR_WAITS_S = 4.0
TWO_REPORTS_S = 2 * SIZE.report_ms / 1000 / SIZE.speed + 0.5
MANY = (
    f"{SIZE.calls} calls of all three, {SIZE.concurrency} at a time, "
    f"{SIZE.speed:.0f} times faster than life. Watch\n"
    "  ТехноМастер's calls being extended as they go on, and one being ended by\n"
    "  an operator, who makes its gateway hang up;\n"
    "  Last Penny Pizza get its last grants and then INSUFFICIENT_BALANCE;\n"
    "  Lanternfish Travel run into DAILY_CAP_REACHED."
)


class Story:
    """Tells the story of one run against a server that takes requests."""

    def __init__(
        self, settings: Settings, console: Console, channel: grpc.aio.Channel, begun: float
    ) -> None:
        self._settings, self._console, self._begun = settings, console, begun
        self._run = f"demo-{secrets.token_hex(3)}"
        self._tally = Tally(role.tenant_id for role in CAST)
        for role in CAST:
            self._tally.tenants[role.tenant_id].name = role.name
        key = admin_key(settings)
        self._office = Office(channel, key)
        self._exchange = StreamExchange(
            settings.grpc_listen, key, self._tally.took, self._tally.failed
        )

    async def tell(self) -> None:
        """All phases, within a minute."""
        async with self._exchange:
            await self._tell()

    async def _tell(self) -> None:
        await self._meet_tenants()
        await self._show_the_console()
        self._phase("One call, step by step", ABOUT)
        await first_call(self._exchange, self._console, CAST[0].tenant_id, f"{self._run}-first")
        await self._many_calls()
        await lend(self._office, DRY, POCKET_MONEY, self._run)
        print_closing(self._settings, self._console)

    async def _meet_tenants(self) -> None:
        balances = await place(self._office, self._run)
        took_s = time.monotonic() - self._begun
        self._say(f"It answers on {self._settings.grpc_listen}, {took_s:.1f} s after the start.")
        self._phase("Three tenants", "Each has paid in advance; two of them are nearly through.")
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
        for column in ("tenant", "balance", "daily cap", "spent today", "warned below", ""):
            numeric = column not in ("tenant", "")
            table.add_column(column, justify="right" if numeric else "left", no_wrap=numeric)
        for role in CAST:
            figures = _figures(balances[role.tenant_id], role.threshold)
            table.add_row(role.name, *figures, role.about)
        self._console.print(table)

    async def _show_the_console(self) -> None:
        """A link to watch the rest in a browser."""
        request = CreateConsoleLinkRequest(request_id=f"{self._run}-console")
        link = await self._office.ask(self._office.stub.CreateConsoleLink, request)
        self._phase("The same in a browser", "Sign in by this link, once, within ten minutes:")
        self._console.print(f"  {link.url}", highlight=False, soft_wrap=True)

    async def _many_calls(self) -> None:
        self._phase("Many calls at once", MANY)
        tenants = [role.tenant_id for role in CAST]
        plans = plan_calls(self._run, SEED, tenants, MEDIAN_S)
        simulation = Simulation(self._exchange, self._tally, SIZE, plans)
        operator = asyncio.create_task(self._hang_one_up())
        try:
            await run_shown(simulation, partial(self._office.look, self._tally), self._console)
        finally:
            operator.cancel()
            await asyncio.gather(operator, return_exceptions=True)
        self._console.print()
        print_summary(self._tally, await self._office.verdict(self._tally), self._console)

    async def _hang_one_up(self) -> None:
        """An operator ends a running call of the first tenant; another one if that just ended."""
        counts = self._tally.tenants[CAST[0].tenant_id]
        await asyncio.sleep(OPERATOR_WAITS_S)
        before = counts.hung_up
        while counts.hung_up == before:
            ended = await self._office.end_a_call(CAST[0].tenant_id, self._run)
            self._say(f"An operator ends the call {ended}: its gateway is told to hang up.")
            await asyncio.sleep(TWO_REPORTS_S)

    def _phase(self, title: str, text: str) -> None:
        self._console.print(f"\n[bold]{title}[/bold]")
        self._say(text)

    def _say(self, text: str) -> None:
        self._console.print(text, highlight=False)


def _figures(balance: pb.GetBalanceResponse, threshold: int) -> list[str]:
    cap = show(balance.daily_cap_micros, "USD") if balance.HasField("daily_cap_micros") else "none"
    return [
        show(balance.balance_micros, "USD"),
        cap,
        show(balance.spent_today_micros, "USD"),
        show(threshold, "USD"),
    ]
