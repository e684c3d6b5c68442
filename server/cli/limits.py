"""`tollgate limits`: what protects a tenant, and whom it tells, on one page."""

from server.cli import notifications, printing
from server.cli.connection import DEFAULT_SERVER, Connection, ServerOption
from server.cli.limit_options import (
    Cap,
    Concurrent,
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


def limits(
    tenant_id: TenantArgument,
    low_balance: LowBalance = None,
    daily_cap: Cap = None,
    concurrent_calls: Concurrent = None,
    calls_per_minute: PerMinute = None,
    call_cost: PerCall = None,
    caller_cost: PerCaller = None,
    call_length: Length = None,
    request_id: RequestId = None,
    json: JsonOption = False,
    server: ServerOption = DEFAULT_SERVER,
) -> None:
    """Show a tenant's limits and guards, and whom it tells; change limits, at once."""
    given = typed(
        low_balance=low_balance,
        daily_cap=daily_cap,
        concurrent_calls=concurrent_calls,
        calls_per_minute=calls_per_minute,
        call_cost=call_cost,
        caller_cost=caller_cost,
        call_length=call_length,
    )
    with Connection(server) as connection:
        if given:
            request = pb.UpdateTenantRequest(
                request_id=request_id_or_new(request_id),
                tenant=pb.Tenant(tenant_id=tenant_id, limits=message(given)),
            )
            request.update_mask.paths.extend(f"limits.{name}" for name in given)
            connection.ask(connection.billing.UpdateTenant, request)
        tenant = connection.ask(
            connection.billing.GetTenant, pb.GetTenantRequest(tenant_id=tenant_id)
        )
        balance = connection.ask(
            connection.billing.GetBalance, pb.GetBalanceRequest(tenant_id=tenant_id)
        )
        told = notifications.read(connection, tenant_id)
    if json:
        printing.as_json(tenant, balance, told)
        return
    now = show(balance.balance_micros, balance.currency)
    spent = show(balance.spent_today_micros, balance.currency)
    printing.facts(
        [
            ("balance", now),
            ("spent today", spent),
            *limit_facts(tenant.tenant),
            *notifications.setting_facts(told),
        ]
    )
    printing.say(f"Whom to tell of what is set by: tollgate notify settings {tenant_id}")
