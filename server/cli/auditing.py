"""`tollgate audit`: compare the live balances with the ledger."""

from typing import Annotated

import typer

from server.cli import printing
from server.cli.connection import DEFAULT_SERVER, Connection, ServerOption
from server.cli.options import JsonOption
from server.money import show
from tollgate.v1 import billing_pb2 as pb


def audit(
    tenant: Annotated[str, typer.Option(metavar="TENANT", help="Only this tenant.")] = "",
    repair: Annotated[
        bool, typer.Option("--repair", help="Move differing live balances to the ledger's.")
    ] = False,
    json: JsonOption = False,
    server: ServerOption = DEFAULT_SERVER,
) -> None:
    """Compare the live balances with the ledger; exit code 1 when something is wrong."""
    with Connection(server) as connection:
        found = connection.ask(
            connection.billing.Audit, pb.AuditRequest(tenant_id=tenant, repair=repair)
        )
    if json:
        printing.as_json(found)
    else:
        _tell(found)
    left = [each for each in found.differences if not each.repaired]
    if left or found.unbalanced_micros or found.set_aside:
        raise typer.Exit(1)


def _tell(found: pb.AuditResponse) -> None:
    printing.say(f"Compared {_counted(found.tenants, 'tenant')} with the ledger.")
    for each in found.differences:
        gap = show(each.live_micros - each.ledger_micros)
        repaired = "; repaired" if each.repaired else ""
        printing.say(
            f"  {each.tenant_id}: live {show(each.live_micros)}, "
            f"ledger {show(each.ledger_micros)}, difference {gap}{repaired}"
        )
    if not found.differences:
        printing.say("Zero differences.")
    if found.unbalanced_micros:
        printing.say(f"The postings do not sum to zero: {show(found.unbalanced_micros)} is over.")
    if found.set_aside:
        _tell_asides(found)
    if found.outbox_depth:
        printing.say(f"{_counted(found.outbox_depth, 'entry', 'entries')} still to be posted.")


def _tell_asides(found: pb.AuditResponse) -> None:
    entries = _counted(found.set_aside, "entry", "entries")
    printing.say(f"{entries} of the outbox set aside, charged live and not in the ledger:")
    for each in found.asides:
        known = each.HasField("amount_micros")
        amount = show(each.amount_micros) if known else "an unknown amount"
        at = printing.moment(each, "set_aside_at")
        printing.say(f"  {each.tenant_id}, {each.key or '?'}: {amount}, {each.why} ({at})")


def _counted(number: int, one: str, many: str = "") -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"
