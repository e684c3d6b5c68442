"""`tollgate tenant`: create, look at, limit and credit tenants."""

from typing import Annotated, Any

import typer

from server.cli import parsing, printing
from server.cli.connection import DEFAULT_SERVER, Connection, ServerOption
from server.cli.options import JsonOption, RequestId, TenantArgument, request_id_or_new
from server.cli.parsing import NO_LIMIT
from server.money import show
from tollgate.v1 import billing_pb2 as pb
from tollgate.v1 import common_pb2

PAGE = 1000
LIMITS = {
    "daily_cap": ("daily_cap_micros", "daily cap"),
    "credit_limit": ("credit_limit_micros", "credit limit"),
    "concurrent_calls": ("concurrent_calls", "calls at once"),
    "call_cost": ("call_cost_limit_micros", "cost per call"),
    "low_balance": ("low_balance_threshold_micros", "warned below"),
}

app = typer.Typer(no_args_is_help=True, help="Create tenants, look at them, limit and credit them.")

Cap = Annotated[
    int | None,
    typer.Option(
        "--daily-cap",
        parser=parsing.limit,
        metavar="AMOUNT",
        help="The most that a day may cost, or none.",
    ),
]
Credit = Annotated[
    int | None,
    typer.Option(
        "--credit-limit",
        parser=parsing.limit,
        metavar="AMOUNT",
        help="How far below zero the balance may go, or none.",
    ),
]
Concurrent = Annotated[
    int | None,
    typer.Option(
        "--concurrent-calls",
        parser=parsing.count,
        metavar="NUMBER",
        help="The most calls at once, or none.",
    ),
]
PerCall = Annotated[
    int | None,
    typer.Option(
        "--call-cost",
        parser=parsing.limit,
        metavar="AMOUNT",
        help="The most that one call may cost, or none.",
    ),
]
LowBalance = Annotated[
    int | None,
    typer.Option(
        "--low-balance",
        parser=parsing.limit,
        metavar="AMOUNT",
        help="The balance to be warned below, or none.",
    ),
]


@app.command()
def create(
    tenant_id: TenantArgument,
    name: Annotated[str, typer.Option(help="The name that people read; by default the id.")] = "",
    currency: Annotated[str, typer.Option(help="ISO 4217; never changes.")] = "USD",
    time_zone: Annotated[str, typer.Option(help="Whose midnight begins the day.")] = "UTC",
    tariff: Annotated[str, typer.Option(help="The tariff that prices its calls.")] = "standard",
    daily_cap: Cap = None,
    credit_limit: Credit = None,
    concurrent_calls: Concurrent = None,
    call_cost: PerCall = None,
    low_balance: LowBalance = None,
    request_id: RequestId = None,
    server: ServerOption = DEFAULT_SERVER,
) -> None:
    """Create a tenant with a balance of zero."""
    given = _given(daily_cap, credit_limit, concurrent_calls, call_cost, low_balance)
    tenant = pb.Tenant(
        tenant_id=tenant_id,
        name=name or tenant_id,
        currency=currency,
        time_zone=time_zone,
        tariff=tariff,
        limits=_limits(given),
    )
    request = pb.CreateTenantRequest(request_id=request_id_or_new(request_id), tenant=tenant)
    with Connection(server) as connection:
        created = connection.ask(connection.billing.CreateTenant, request).tenant
    printing.say(
        f"Created {created.tenant_id}, “{created.name}”. Its balance is zero; give it some:"
    )
    printing.say(f"  tollgate tenant credit {created.tenant_id} 50.00 --reason 'first payment'")


@app.command("show")
def show_tenant(
    tenant_id: TenantArgument, json: JsonOption = False, server: ServerOption = DEFAULT_SERVER
) -> None:
    """Show a tenant: balance, what is held and spent, limits."""
    with Connection(server) as connection:
        asked = pb.GetTenantRequest(tenant_id=tenant_id)
        tenant = connection.ask(connection.billing.GetTenant, asked).tenant
        balance = connection.ask(
            connection.billing.GetBalance, pb.GetBalanceRequest(tenant_id=tenant_id)
        )
    if json:
        printing.as_json(pb.GetTenantResponse(tenant=tenant), balance)
        return
    printing.facts([*_identity(tenant), *_funds(balance), *_limit_facts(tenant)])


@app.command("list")
def list_tenants(server: ServerOption = DEFAULT_SERVER) -> None:
    """List all tenants with their live balances."""
    rows = []
    with Connection(server) as connection:
        for tenant in _all_tenants(connection):
            look = pb.GetBalanceRequest(tenant_id=tenant.tenant_id)
            balance = connection.ask(connection.billing.GetBalance, look)
            rows.append(_row(tenant, balance))
    if not rows:
        printing.say("There are no tenants yet. Create one: tollgate tenant create <id>")
        return
    columns = ("tenant", "name", ">balance", ">available", ">spent today", ">daily cap", "state")
    printing.table(columns, rows)


@app.command()
def limits(
    tenant_id: TenantArgument,
    daily_cap: Cap = None,
    credit_limit: Credit = None,
    concurrent_calls: Concurrent = None,
    call_cost: PerCall = None,
    low_balance: LowBalance = None,
    time_zone: Annotated[
        str | None, typer.Option(help="Whose midnight begins the day; from its next midnight on.")
    ] = None,
    tariff: Annotated[str | None, typer.Option(help="The tariff for new calls.")] = None,
    suspend: Annotated[
        bool | None, typer.Option("--suspend/--resume", help="Refuse new calls, or take them.")
    ] = None,
    request_id: RequestId = None,
    server: ServerOption = DEFAULT_SERVER,
) -> None:
    """Change limits; at once, for running calls too. Without options, show them."""
    given = _given(daily_cap, credit_limit, concurrent_calls, call_cost, low_balance)
    plain = {"time_zone": time_zone, "tariff": tariff, "suspended": suspend}
    changed: dict[str, Any] = {name: value for name, value in plain.items() if value is not None}
    with Connection(server) as connection:
        if given or changed:
            request = pb.UpdateTenantRequest(
                request_id=request_id_or_new(request_id),
                tenant=pb.Tenant(tenant_id=tenant_id, limits=_limits(given), **changed),
            )
            request.update_mask.paths.extend([*changed, *(f"limits.{name}" for name in given)])
            tenant = connection.ask(connection.billing.UpdateTenant, request).tenant
        else:
            asked = pb.GetTenantRequest(tenant_id=tenant_id)
            tenant = connection.ask(connection.billing.GetTenant, asked).tenant
    printing.facts([*_identity(tenant), *_limit_facts(tenant)])


@app.command()
def credit(
    tenant_id: TenantArgument,
    amount: Annotated[
        int,
        typer.Argument(parser=parsing.amount, metavar="AMOUNT", help="What to add, like 142.50."),
    ],
    reason: Annotated[str, typer.Option(help="Why, for the history.")] = "credited by hand",
    request_id: RequestId = None,
    server: ServerOption = DEFAULT_SERVER,
) -> None:
    """Add money to a tenant's balance."""
    _adjust(tenant_id, amount, reason, request_id, server)


@app.command()
def debit(
    tenant_id: TenantArgument,
    amount: Annotated[
        int,
        typer.Argument(parser=parsing.amount, metavar="AMOUNT", help="What to take, like 12.00."),
    ],
    reason: Annotated[str, typer.Option(help="Why, for the history.")] = "debited by hand",
    request_id: RequestId = None,
    server: ServerOption = DEFAULT_SERVER,
) -> None:
    """Take money from a tenant's balance; nothing when less is available."""
    _adjust(tenant_id, -amount, reason, request_id, server)


def _adjust(tenant_id: str, micros: int, reason: str, request_id: str | None, server: str) -> None:
    request = pb.AdjustBalanceRequest(
        request_id=request_id_or_new(request_id),
        tenant_id=tenant_id,
        amount_micros=micros,
        reason=reason,
    )
    with Connection(server) as connection:
        reply = connection.ask(connection.billing.AdjustBalance, request)
        asked = pb.GetTenantRequest(tenant_id=tenant_id)
        currency = connection.ask(connection.billing.GetTenant, asked).tenant.currency
    did = "Credited" if micros > 0 else "Debited"
    later = "" if reply.settlement == common_pb2.SETTLEMENT_POSTED else " The ledger follows."
    printing.say(
        f"{did} {show(abs(micros), currency)}. {tenant_id} has "
        f"{show(reply.balance_micros, currency)} now.{later}"
    )


def _given(
    daily_cap: int | None,
    credit_limit: int | None,
    concurrent_calls: int | None,
    call_cost: int | None,
    low_balance: int | None,
) -> dict[str, int]:
    """The limits that were given, by their field names; NO_LIMIT for none."""
    typed = {
        "daily_cap": daily_cap,
        "credit_limit": credit_limit,
        "concurrent_calls": concurrent_calls,
        "call_cost": call_cost,
        "low_balance": low_balance,
    }
    return {LIMITS[name][0]: value for name, value in typed.items() if value is not None}


def _limits(given: dict[str, int]) -> pb.Limits:
    present: dict[str, Any] = {name: each for name, each in given.items() if each != NO_LIMIT}
    return pb.Limits(**present)


def _all_tenants(connection: Connection) -> list[pb.Tenant]:
    request = pb.ListTenantsRequest(page_size=PAGE)
    tenants: list[pb.Tenant] = []
    while True:
        page = connection.ask(connection.billing.ListTenants, request)
        tenants += page.tenants
        if not page.next_page_token:
            return tenants
        request.page_token = page.next_page_token


def _state(tenant: pb.Tenant) -> str:
    return "suspended" if tenant.suspended else "active"


def _row(tenant: pb.Tenant, balance: pb.GetBalanceResponse) -> tuple[str, ...]:
    currency = tenant.currency
    capped = balance.HasField("daily_cap_micros")
    return (
        tenant.tenant_id,
        tenant.name,
        show(balance.balance_micros, currency),
        show(balance.available_micros, currency),
        show(balance.spent_today_micros, currency),
        show(balance.daily_cap_micros, currency) if capped else "none",
        _state(tenant),
    )


def _identity(tenant: pb.Tenant) -> list[tuple[str, str]]:
    rows = [
        ("tenant", tenant.tenant_id),
        ("name", tenant.name),
        ("state", _state(tenant)),
        ("tariff", tenant.tariff),
        ("time zone", tenant.time_zone),
    ]
    if tenant.next_time_zone:
        starts = printing.moment(tenant, "zone_starts_at")
        rows.append(("time zone next", f"{tenant.next_time_zone}, from {starts}"))
    return rows


def _funds(balance: pb.GetBalanceResponse) -> list[tuple[str, str]]:
    currency = balance.currency
    held = f"{show(balance.reserved_micros, currency)}, by {balance.active_calls} running calls"
    unposted = show(balance.unposted_micros, currency)
    return [
        ("balance", show(balance.balance_micros, currency)),
        ("reserved", held),
        ("available", show(balance.available_micros, currency)),
        ("spent today", show(balance.spent_today_micros, currency)),
        ("day ends", printing.moment(balance, "resets_at")),
        ("not in the ledger yet", unposted),
    ]


def _limit_facts(tenant: pb.Tenant) -> list[tuple[str, str]]:
    rows = []
    for name, label in LIMITS.values():
        value = getattr(tenant.limits, name)
        if name != "credit_limit_micros" and not tenant.limits.HasField(name):  # type: ignore[arg-type]
            text = "none"
        else:
            text = str(value) if name == "concurrent_calls" else show(value, tenant.currency)
        rows.append((label, text))
    return rows
