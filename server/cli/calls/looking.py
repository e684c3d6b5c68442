"""Looking at calls, and an operator's hang-up."""

from enum import StrEnum
from typing import Annotated

import typer

from server.cli import printing
from server.cli.calls import telling
from server.cli.connection import DEFAULT_SERVER, Connection, ServerOption
from server.cli.history.choices import FirstDay, LastDay
from server.cli.options import CallArgument, JsonOption, TenantArgument
from server.money import show
from tollgate.v1 import billing_pb2, common_pb2
from tollgate.v1 import call_authorization_pb2 as pb


class SettledOutcome(StrEnum):
    """How a settled call ended."""

    COMPLETED = "completed"
    CUT = "cut"
    NO_ANSWER = "no-answer"
    BUSY = "busy"
    FAILED = "failed"
    INCOMPLETE = "incomplete"


def show_call(
    tenant_id: TenantArgument,
    call_id: CallArgument,
    json: JsonOption = False,
    server: ServerOption = DEFAULT_SERVER,
) -> None:
    """Show one call, running or settled."""
    with Connection(server) as connection:
        request = pb.GetCallRequest(tenant_id=tenant_id, call_id=call_id)
        reply = connection.ask(connection.calls.GetCall, request)
        currency = telling.currency_of(connection, tenant_id)
    if json:
        printing.as_json(reply)
    else:
        printing.facts(telling.call_facts(reply.call, currency))


def list_calls(
    tenant_id: TenantArgument,
    active: Annotated[bool, typer.Option("--active", help="Only the calls that run.")] = False,
    first_day: FirstDay = "",
    last_day: LastDay = "",
    row: Annotated[int | None, typer.Option(min=1, help="Of this row of the history.")] = None,
    model: Annotated[str, typer.Option(help="On this model.")] = "",
    assistant: Annotated[str, typer.Option(help="Of this assistant.")] = "",
    number: Annotated[str, typer.Option(help="From or to this number.")] = "",
    outcomes: Annotated[
        list[SettledOutcome] | None, typer.Option("--outcome", help="That ended like this.")
    ] = None,
    most: Annotated[int, typer.Option(min=1, max=1000, help="The most settled calls.")] = 20,
    json: JsonOption = False,
    server: ServerOption = DEFAULT_SERVER,
) -> None:
    """List a tenant's calls: those that run, then the settled ones, the newest first.

    With a filter only settled calls are listed.
    """
    asked = billing_pb2.ListCallsRequest(
        tenant_id=tenant_id,
        first_day=first_day,
        last_day=last_day,
        transaction_number=row or 0,
        model=model,
        assistant_id=assistant,
        number=number,
        outcomes=[common_pb2.Outcome.Value(f"OUTCOME_{each.name}") for each in outcomes or []],
    )
    filtered = len(asked.ListFields()) > 1
    if active and filtered:
        raise typer.BadParameter("filters are for settled calls", param_hint="--active")
    asked.page_size = most
    more = False
    with Connection(server) as connection:
        calls = [] if filtered else _running(connection, tenant_id)
        if not active:
            page = connection.ask(connection.billing.ListCalls, asked)
            calls += page.calls
            more = bool(page.next_page_token)
        currency = telling.currency_of(connection, tenant_id)
    if json:
        printing.as_json(pb.ListActiveCallsResponse(calls=calls))
        return
    if not calls:
        kind = "running " if active else "such " if filtered else ""
        printing.say(f"{tenant_id} has no {kind}calls.")
        return
    columns = ("call", "state", "caller", "model", ">length", ">charged", "outcome", "ended")
    printing.table(columns, [_row(call, currency) for call in calls])
    if more:
        printing.say(
            f"There are more: --most takes up to 1000, `tollgate export {tenant_id} calls` all."
        )


def end(
    tenant_id: TenantArgument, call_id: CallArgument, server: ServerOption = DEFAULT_SERVER
) -> None:
    """Stop a call by an operator's hand: its gateway is told to hang up."""
    request = pb.EndCallRequest(tenant_id=tenant_id, call_id=call_id)
    with Connection(server) as connection:
        reply = connection.ask(connection.calls.EndCall, request)
    if reply.state == common_pb2.CALL_STATE_SETTLED:
        printing.say(f"{call_id} is settled already.")
    else:
        printing.say(f"{call_id} is told to hang up with its next report; its gateway settles it.")


def _running(connection: Connection, tenant_id: str) -> list[common_pb2.Call]:
    calls: dict[str, common_pb2.Call] = {}
    request = pb.ListActiveCallsRequest(tenant_id=tenant_id, page_size=1000)
    while True:
        page = connection.ask(connection.calls.ListActiveCalls, request)
        calls |= {call.call_id: call for call in page.calls}
        if not page.next_page_token:
            return list(calls.values())
        request.page_token = page.next_page_token


def _row(call: common_pb2.Call, currency: str) -> tuple[str, ...]:
    return (
        call.call_id,
        printing.word(common_pb2.CallState, call.state, "CALL_STATE"),
        call.caller or printing.NONE,
        call.model,
        telling.length(call),
        show(call.charged_micros, currency),
        telling.outcome(call.outcome),
        printing.moment(call, "ended_at"),
    )
