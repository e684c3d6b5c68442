"""`tollgate refusals`: why calls were turned away, and how many a day."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from server.cli import printing
from server.cli.connection import DEFAULT_SERVER, Connection, ServerOption
from server.cli.history.choices import FirstDay, LastDay
from server.cli.options import JsonOption, TenantArgument
from tollgate.v1 import history_pb2 as pb

DAYS = 30


def refusals(
    tenant_id: TenantArgument,
    first_day: FirstDay = "",
    last_day: LastDay = "",
    most: Annotated[int, typer.Option(min=1, max=1000, help="The most calls.")] = 20,
    json: JsonOption = False,
    server: ServerOption = DEFAULT_SERVER,
) -> None:
    """Count the calls that were turned away per day and reason, and list the last of them.

    By default of the last 30 days.
    """
    # Tomorrow in UTC is today at the latest wherever the tenant is.
    today = datetime.now(UTC).date()
    request = pb.ListRefusalsRequest(
        tenant_id=tenant_id,
        first_day=first_day or (today - timedelta(days=DAYS)).isoformat(),
        last_day=last_day or (today + timedelta(days=1)).isoformat(),
        page_size=most,
    )
    with Connection(server) as connection:
        reply = connection.ask(connection.billing.ListRefusals, request)
    if json:
        printing.as_json(reply)
        return
    if not reply.counts:
        printing.say(f"No call of {tenant_id} was turned away.")
        return
    rows = [(each.day, each.reason, f"{each.count:,}") for each in reply.counts]
    printing.table(("day", "reason", ">calls"), rows)
    printing.say("")
    columns = ("refused", "reason", "call", "model", "caller", "callee")
    printing.table(columns, [_row(each) for each in reply.calls])


def _row(each: pb.RefusedCall) -> tuple[str, ...]:
    at = printing.moment(each, "at")
    return at, each.reason, each.call_id, each.model, each.caller, each.callee
