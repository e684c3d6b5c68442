"""`tollgate tenant`: create, look at, limit and credit tenants."""

from typing import Annotated, Any

import typer

from server.cli import parsing, printing
from server.cli.connection import DEFAULT_SERVER, Connection, ServerOption
from server.cli.limit_options import (
    Cap,
    Concurrent,
    Credit,
    Length,
    LowBalance,
    PerCall,
    PerCaller,
    PerMinute,
    limit_facts,
    message,
    typed,
)
from server.cli.options import JsonOption, RequestId, TenantArgument, request_id_or_new
from server.money import show
from tollgate.v1 import billing_pb2 as pb
from tollgate.v1 import common_pb2

PAGE = 1000
app = typer.Typer(no_args_is_help=True, help="Create tenants, look at them, limit and credit them.")


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
    calls_per_minute: PerMinute = None,
    caller_cost: PerCaller = None,
    call_length: Length = None,
    request_id: RequestId = None,
    server: ServerOption = DEFAULT_SERVER,
) -> None:
    """Create a tenant with a balance of zero."""
    given = typed(
        daily_cap=daily_cap,
        credit_limit=credit_limit,
        concurrent_calls=concurrent_calls,
        call_cost=call_cost,
        low_balance=low_balance,
        calls_per_minute=calls_per_minute,
        caller_cost=caller_cost,
        call_length=call_length,
    )
    tenant = pb.Tenant(
        tenant_id=tenant_id,
        name=name or tenant_id,
        currency=currency,
        time_zone=time_zone,
        tariff=tariff,
        limits=message(given),
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
    printing.facts([*_identity(tenant), *_funds(balance), *limit_facts(tenant)])


@app.command("list")
def list_tenants(
    search: Annotated[
        str, typer.Option(metavar="TEXT", help="Only those whose id or name holds it.")
    ] = "",
    server: ServerOption = DEFAULT_SERVER,
) -> None:
    """List all tenants with their live balances."""
    rows = []
    with Connection(server) as connection:
        for tenant in _all_tenants(connection, search):
            look = pb.GetBalanceRequest(tenant_id=tenant.tenant_id)
            balance = connection.ask(connection.billing.GetBalance, look)
            rows.append(_row(tenant, balance))
    if not rows and search:
        printing.say("There are no such tenants.")
        return
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
    calls_per_minute: PerMinute = None,
    caller_cost: PerCaller = None,
    call_length: Length = None,
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
    given = typed(
        daily_cap=daily_cap,
        credit_limit=credit_limit,
        concurrent_calls=concurrent_calls,
        call_cost=call_cost,
        low_balance=low_balance,
        calls_per_minute=calls_per_minute,
        caller_cost=caller_cost,
        call_length=call_length,
    )
    plain = {"time_zone": time_zone, "tariff": tariff, "suspended": suspend}
    changed: dict[str, Any] = {name: value for name, value in plain.items() if value is not None}
    with Connection(server) as connection:
        if given or changed:
            request = pb.UpdateTenantRequest(
                request_id=request_id_or_new(request_id),
                tenant=pb.Tenant(tenant_id=tenant_id, limits=message(given), **changed),
            )
            request.update_mask.paths.extend([*changed, *(f"limits.{name}" for name in given)])
            tenant = connection.ask(connection.billing.UpdateTenant, request).tenant
        else:
            asked = pb.GetTenantRequest(tenant_id=tenant_id)
            tenant = connection.ask(connection.billing.GetTenant, asked).tenant
    printing.facts([*_identity(tenant), *limit_facts(tenant)])


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


def _all_tenants(connection: Connection, search: str) -> list[pb.Tenant]:
    request = pb.ListTenantsRequest(page_size=PAGE, search=search)
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
