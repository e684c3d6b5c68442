"""One call of the demo, told step by step: the price book's worked example."""

import asyncio
from datetime import UTC, datetime, timedelta

from google.protobuf.timestamp_pb2 import Timestamp
from rich.console import Console
from rich.table import Table

from server.money import show
from server.simulator.exchange import Exchange
from server.simulator.gateway import reason_name
from tollgate.v1 import call_authorization_pb2 as pb
from tollgate.v1 import common_pb2

MODEL = "generic-assistant"
CALLER, CALLEE = "+12025550143", "+12025550101"
MINUTES = 3
# 2,340 tokens; half of the three minutes is heard and half is spoken.
USAGE = {
    "llm_input_tokens": 1_840,
    "llm_output_tokens": 500,
    "stt_ms": 90_000,
    "tts_ms": 90_000,
}
ABOUT = (
    "An assistant talks for three minutes: 2,340 tokens, 1.5 minutes heard,\n"
    "1.5 minutes spoken, and an analytics report. By the price book:\n"
    "0.012 + 0.009 + 0.023 + 0.002 = $0.046."
)


async def first_call(
    exchange: Exchange, console: Console, tenant_id: str, call_id: str
) -> pb.SettleResponse:
    """Authorizes, charges twice and settles; prints what each reply says."""
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2))
    reply = await exchange.authorize(_authorize(tenant_id, call_id))
    table.add_row("Authorize", _decision(reply))
    for minutes in range(1, MINUTES):
        charged = await exchange.charge(_charge(tenant_id, call_id, minutes))
        table.add_row(f"Charge at {minutes}:00", _progress(charged))
    settled = await _settle(exchange, tenant_id, call_id)
    table.add_row(f"Settle at {MINUTES}:00", _bill(settled))
    console.print(table)
    return settled


def _authorize(tenant_id: str, call_id: str) -> pb.AuthorizeRequest:
    return pb.AuthorizeRequest(
        tenant_id=tenant_id,
        call_id=call_id,
        model=MODEL,
        caller=CALLER,
        callee=CALLEE,
        direction=common_pb2.DIRECTION_INBOUND,
        analytics=True,
    )


def _charge(tenant_id: str, call_id: str, minutes: int) -> pb.ChargeRequest:
    return pb.ChargeRequest(
        tenant_id=tenant_id,
        call_id=call_id,
        usage=_usage(minutes),
        elapsed_ms=minutes * 60_000,
    )


async def _settle(exchange: Exchange, tenant_id: str, call_id: str) -> pb.SettleResponse:
    now = datetime.now(UTC)
    answered = now - timedelta(minutes=MINUTES)
    request = pb.SettleRequest(
        tenant_id=tenant_id,
        call_id=call_id,
        usage=_usage(MINUTES),
        elapsed_ms=MINUTES * 60_000,
        started_at=_stamp(answered - timedelta(seconds=4)),
        answered_at=_stamp(answered),
        ended_at=_stamp(now),
        outcome=common_pb2.OUTCOME_COMPLETED,
        model=MODEL,
        caller=CALLER,
        callee=CALLEE,
        direction=common_pb2.DIRECTION_INBOUND,
        analytics=True,
    )
    while True:
        reply = await exchange.settle(request)
        if reply.settlement == common_pb2.SETTLEMENT_POSTED:
            return reply
        await asyncio.sleep(0.1)


def _usage(minutes: int) -> common_pb2.Usage:
    share = {meter: quantity * minutes // MINUTES for meter, quantity in USAGE.items()}
    return common_pb2.Usage(quantities=share)


def _stamp(moment: datetime) -> Timestamp:
    stamp = Timestamp()
    stamp.FromDatetime(moment)
    return stamp


def _decision(reply: pb.AuthorizeResponse) -> str:
    if reply.decision != pb.DECISION_ACCEPTED:
        return f"[red]REJECTED[/red], {reason_name(reply.refusal.reason)}"
    return f"[green]ACCEPTED[/green], {_held(reply.grant)}"


def _progress(reply: pb.ChargeResponse) -> str:
    directive = pb.Directive.Name(reply.directive).removeprefix("DIRECTIVE_")
    return f"{directive}, charged {show(reply.charged_micros, 'USD')}, {_held(reply.grant)}"


def _held(grant: pb.Grant) -> str:
    return f"{show(grant.reserved_micros, 'USD')} reserved, enough for {grant.seconds_left} s"


def _bill(reply: pb.SettleResponse) -> str:
    items = " + ".join(
        f"{part.component} {show(part.amount_micros)}" for part in reply.cost if part.amount_micros
    )
    return (
        f"[green]POSTED[/green] to the ledger, [bold]{show(reply.charged_micros, 'USD')}[/bold] "
        f"= {items}"
    )
