"""`tollgate month` and `tollgate history`."""

from typing import Annotated

import typer

from server.cli import printing
from server.cli.connection import DEFAULT_SERVER, Connection, ServerOption
from server.cli.history.choices import (
    FirstDay,
    LastDay,
    StatusOption,
    TypeOption,
    statuses_of,
    types_of,
)
from server.cli.options import JsonOption, TenantArgument
from server.money import show, show_cents
from tollgate.v1 import history_pb2 as pb

COLUMNS = (">number", "day", "description", ">amount", "status", ">calls", "last moved")


def month(
    tenant_id: TenantArgument,
    which: Annotated[
        str, typer.Argument(metavar="MONTH", help="Like 2026-03; by default the running one.")
    ] = "",
    json: JsonOption = False,
    server: ServerOption = DEFAULT_SERVER,
) -> None:
    """Sum up a month: calls, tokens, money spent, average cost; and the balance now."""
    request = pb.GetMonthSummaryRequest(tenant_id=tenant_id, month=which)
    with Connection(server) as connection:
        reply = connection.ask(connection.billing.GetMonthSummary, request)
    if json:
        printing.as_json(reply)
        return
    currency = reply.currency
    known = reply.HasField("average_call_micros")
    average = show_cents(reply.average_call_micros, currency) if known else printing.NONE
    printing.facts(
        [
            ("month", reply.month),
            ("calls handled", f"{reply.calls_handled:,}"),
            ("tokens used", f"{reply.tokens_used:,}"),
            ("spent", show(reply.spent_micros, currency)),
            ("average per call", average),
            ("balance now", show(reply.balance_micros, currency)),
            ("reserved now", show(reply.reserved_micros, currency)),
            ("available now", show(reply.available_micros, currency)),
            ("in the ledger", show(reply.ledger_micros, currency)),
        ]
    )


def history(
    tenant_id: TenantArgument,
    first_day: FirstDay = "",
    last_day: LastDay = "",
    types: TypeOption = None,
    statuses: StatusOption = None,
    most: Annotated[int, typer.Option(min=1, max=1000, help="The most rows.")] = 20,
    json: JsonOption = False,
    server: ServerOption = DEFAULT_SERVER,
) -> None:
    """List the payment history, the newest row first."""
    request = pb.ListTransactionsRequest(
        tenant_id=tenant_id,
        first_day=first_day,
        last_day=last_day,
        types=types_of(types),
        statuses=statuses_of(statuses),
        page_size=most,
    )
    with Connection(server) as connection:
        reply = connection.ask(connection.billing.ListTransactions, request)
    if json:
        printing.as_json(reply)
        return
    if not reply.transactions:
        printing.say(f"{tenant_id} has no such transactions.")
        return
    printing.table(COLUMNS, [_row(each, reply.currency) for each in reply.transactions])
    if reply.next_page_token:
        printing.say(f"There are more: --most takes up to 1000, `tollgate export {tenant_id}` all.")


def _row(each: pb.Transaction, currency: str) -> tuple[str, ...]:
    sign = "+" if each.amount_micros > 0 else ""
    status = printing.word(pb.TransactionStatus, each.status, "TRANSACTION_STATUS").lower()
    return (
        str(each.number),
        each.day,
        each.description,
        sign + show(each.amount_micros, currency),
        status,
        str(each.calls) if each.calls else "",
        printing.moment(each, "at"),
    )
