"""What a gateway does, by hand: authorize, charge, settle."""

import time
from enum import StrEnum
from typing import Annotated

import typer
from google.protobuf.timestamp_pb2 import Timestamp

from server.cli import parsing, printing
from server.cli.calls import telling
from server.cli.connection import DEFAULT_SERVER, Connection, ServerOption
from server.cli.options import CallArgument, JsonOption, TenantArgument
from tollgate.v1 import call_authorization_pb2 as pb
from tollgate.v1 import common_pb2

POSTED_WITHIN_S = 10.0
PAUSE_S = 0.2

Elapsed = Annotated[
    int | None,
    typer.Option(
        parser=parsing.duration,
        metavar="TIME",
        help="Since the call was answered: 90s, 1m30s, 250ms.",
    ),
]
UsageOption = Annotated[
    list[str] | None,
    typer.Option(
        "--usage",
        "-u",
        help="meter=quantity since the call was answered, like llm_output_tokens=300 or "
        "stt_ms=1m30s; give it once per meter.",
    ),
]


class DirectionWord(StrEnum):
    """Who placed the call."""

    INBOUND = "inbound"
    OUTBOUND = "outbound"


class OutcomeWord(StrEnum):
    """How the call ended."""

    COMPLETED = "completed"
    CUT = "cut"
    NO_ANSWER = "no-answer"
    BUSY = "busy"
    FAILED = "failed"


def authorize(
    tenant_id: TenantArgument,
    call_id: CallArgument,
    model: Annotated[str, typer.Option(help="The model that speaks.")] = "gpt-4o-realtime",
    caller: Annotated[str, typer.Option(help="The calling number.")] = "",
    callee: Annotated[str, typer.Option(help="The called number.")] = "",
    direction: Annotated[DirectionWord, typer.Option()] = DirectionWord.INBOUND,
    assistant: Annotated[str, typer.Option(help="The assistant's id.")] = "",
    analytics: Annotated[bool, typer.Option(help="Price an analytics report in.")] = False,
    usage: UsageOption = None,
    elapsed: Elapsed = None,
    json: JsonOption = False,
    server: ServerOption = DEFAULT_SERVER,
) -> None:
    """Ask whether a call may start; exit code 1 when it is refused."""
    request = pb.AuthorizeRequest(
        tenant_id=tenant_id,
        call_id=call_id,
        model=model,
        caller=caller,
        callee=callee,
        direction=_direction(direction),
        assistant_id=assistant,
        analytics=analytics,
        usage=common_pb2.Usage(quantities=parsing.usage(usage)) if usage else None,
        elapsed_ms=elapsed,
    )
    with Connection(server) as connection:
        reply = connection.ask(connection.calls.Authorize, request)
        currency = telling.currency_of(connection, tenant_id)
    if json:
        printing.as_json(reply)
    else:
        telling.tell_decision(reply, currency)
    if reply.decision != pb.DECISION_ACCEPTED:
        raise typer.Exit(1)


def charge(
    tenant_id: TenantArgument,
    call_id: CallArgument,
    elapsed: Elapsed = None,
    usage: UsageOption = None,
    json: JsonOption = False,
    server: ServerOption = DEFAULT_SERVER,
) -> None:
    """Report what a call has used so far; all of its meters, each since answer."""
    request = pb.ChargeRequest(
        tenant_id=tenant_id,
        call_id=call_id,
        usage=common_pb2.Usage(quantities=parsing.usage(usage or [])),
        elapsed_ms=elapsed,
    )
    with Connection(server) as connection:
        reply = connection.ask(connection.calls.Charge, request)
        currency = telling.currency_of(connection, tenant_id)
    if json:
        printing.as_json(reply)
    else:
        telling.tell_charge(reply, currency)


def settle(
    tenant_id: TenantArgument,
    call_id: CallArgument,
    elapsed: Elapsed = None,
    usage: UsageOption = None,
    outcome: Annotated[OutcomeWord | None, typer.Option(help="How the call ended.")] = None,
    json: JsonOption = False,
    server: ServerOption = DEFAULT_SERVER,
) -> None:
    """Close a call that was authorized, and wait until it is in the ledger.

    What is left out is taken from the last report.
    """
    with Connection(server) as connection:
        asked = pb.GetCallRequest(tenant_id=tenant_id, call_id=call_id)
        call = connection.ask(connection.calls.GetCall, asked).call
        request = _settlement(call, elapsed, usage, outcome)
        reply = connection.ask(connection.calls.Settle, request)
        ends = time.monotonic() + POSTED_WITHIN_S
        while reply.settlement != common_pb2.SETTLEMENT_POSTED and time.monotonic() < ends:
            time.sleep(PAUSE_S)
            reply = connection.ask(connection.calls.Settle, request)
        currency = telling.currency_of(connection, tenant_id)
    if json:
        printing.as_json(reply)
    else:
        telling.tell_bill(reply, currency)


def _settlement(
    call: common_pb2.Call, elapsed: int | None, usage: list[str] | None, outcome: OutcomeWord | None
) -> pb.SettleRequest:
    """Closes the call as it was last seen; a settled one is repeated in its own words."""
    if elapsed is None and call.HasField("elapsed_ms"):
        elapsed = call.elapsed_ms
    request = pb.SettleRequest(
        tenant_id=call.tenant_id,
        call_id=call.call_id,
        usage=common_pb2.Usage(quantities=parsing.usage(usage)) if usage else call.usage,
        elapsed_ms=elapsed,
        outcome=_outcome(outcome, call, elapsed),
        model=call.model,
        caller=call.caller,
        callee=call.callee,
        direction=call.direction,
        assistant_id=call.assistant_id,
        analytics=call.analytics,
        tariff_version=call.tariff_version,
    )
    if call.state == common_pb2.CALL_STATE_SETTLED:
        for name in ("started_at", "answered_at", "ended_at"):
            if call.HasField(name):
                getattr(request, name).CopyFrom(getattr(call, name))
        return request
    request.started_at.CopyFrom(call.authorized_at)
    request.ended_at.CopyFrom(_now())
    if elapsed is not None:
        answered_ms = request.ended_at.ToMilliseconds() - elapsed
        started_ms = min(request.started_at.ToMilliseconds(), answered_ms)
        request.answered_at.FromMilliseconds(answered_ms)
        request.started_at.FromMilliseconds(started_ms)
    return request


def _outcome(
    word: OutcomeWord | None, call: common_pb2.Call, elapsed: int | None
) -> common_pb2.Outcome.ValueType:
    if word is not None:
        return common_pb2.Outcome.Value(f"OUTCOME_{word.name}")
    if call.state == common_pb2.CALL_STATE_SETTLED and call.outcome:
        return call.outcome
    answered = elapsed is not None
    return common_pb2.OUTCOME_COMPLETED if answered else common_pb2.OUTCOME_NO_ANSWER


def _direction(word: DirectionWord) -> common_pb2.Direction.ValueType:
    return common_pb2.Direction.Value(f"DIRECTION_{word.name}")


def _now() -> Timestamp:
    stamp = Timestamp()
    stamp.GetCurrentTime()
    return stamp
