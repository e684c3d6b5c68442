"""From what the live store decided to what gateways are told."""

from collections.abc import Iterable
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from quota.batch import PlainCharge
from quota.decision import CallResult, CallView, Directive, Reason, State
from quota.operation import NONE
from server.calls.packing import Parties, Times, unpack_usage
from server.calls.price_book import Pricing
from server.calls.sip import ANSWERS
from tollgate.v1 import call_authorization_pb2 as pb
from tollgate.v1 import common_pb2

HANG_UP = int(Directive.HANG_UP)
ACTIVE = common_pb2.CALL_STATE_ACTIVE


def timestamp(ms: int) -> Timestamp:
    """A moment given in ms since the Unix epoch."""
    return Timestamp(seconds=ms // 1000, nanos=ms % 1000 * 1_000_000)


def iso_day(day: str) -> str:
    """YYYYMMDD as YYYY-MM-DD."""
    return f"{day[:4]}-{day[4:6]}-{day[6:]}"


def grant(result: CallResult) -> pb.Grant:
    """What a reply allows."""
    return pb.Grant(
        reserved_micros=result.reserved,
        seconds_left=result.left_ms // 1000,
        valid_for_ms=result.valid_for_ms,
    )


def refusal(
    reason: int, available: int, reserved: int, cap: int, spent: int, day_end_ms: int
) -> pb.Refusal:
    """Why a call may not start, with what the caller needs to act."""
    answer = ANSWERS[Reason(reason)]
    return pb.Refusal(
        reason=reason,  # type: ignore[arg-type]
        available_micros=available,
        reserved_micros=reserved,
        daily_cap_micros=None if cap == NONE else cap,
        spent_today_micros=spent,
        resets_at=timestamp(day_end_ms) if day_end_ms else None,
        sip_status=answer.sip_status,
        q850_cause=answer.q850_cause,
    )


def put_guard(the_refusal: pb.Refusal, guard: tuple[int, ...]) -> None:
    """Tells the limit of the guard that refused, and how far it is used."""
    if the_refusal.reason == pb.REFUSAL_REASON_CALLER_LIMIT:
        limit, spent, reserved = guard
        the_refusal.caller_daily_limit_micros = limit
        the_refusal.caller_spent_today_micros = spent
        the_refusal.caller_reserved_micros = reserved
    elif the_refusal.reason == pb.REFUSAL_REASON_RATE_LIMITED:
        the_refusal.calls_per_minute, retry_after_ms = guard
        if retry_after_ms != NONE:
            the_refusal.retry_after_ms = retry_after_ms


def refused(the_refusal: pb.Refusal, state: int = 0) -> pb.AuthorizeResponse:
    """A REJECTED reply."""
    return pb.AuthorizeResponse(
        decision=pb.DECISION_REJECTED,
        refusal=the_refusal,
        directive=pb.DIRECTIVE_HANG_UP,
        state=state,  # type: ignore[arg-type]
    )


def authorized(result: CallResult) -> pb.AuthorizeResponse:
    """The reply to an Authorize that the script decided."""
    if result.reason:
        the_refusal = refusal(
            result.reason,
            result.available,
            result.reserved_by_others,
            result.daily_cap,
            result.spend_today,
            result.day_end_ms,
        )
        put_guard(the_refusal, result.guard)
        reply = refused(the_refusal, result.state)
    else:
        reply = pb.AuthorizeResponse(
            decision=pb.DECISION_ACCEPTED,
            grant=grant(result),
            directive=result.directive,  # type: ignore[arg-type]
            state=result.state,  # type: ignore[arg-type]
        )
    reply.tariff_version = tariff_version(result.pin)
    if result.known:
        reply.usage.CopyFrom(usage(result.usage))
    return reply


def charged(result: CallResult) -> pb.ChargeResponse:
    """The reply to a Charge that the script decided."""
    reply = pb.ChargeResponse()
    put_charged(reply, result)
    return reply


def put_charged(reply: pb.ChargeResponse, result: CallResult) -> None:
    """Fills in a reply to a Charge: in place, as a message and its copy cost more than the rest."""
    reply.directive = result.directive  # type: ignore[assignment]
    reply.state = result.state  # type: ignore[assignment]
    reply.rated_micros = result.rated
    reply.charged_micros = result.charged
    if result.overrun:
        reply.overrun_micros = result.overrun
    granted = reply.grant  # is there as soon as one of its fields is set
    granted.reserved_micros = result.reserved
    granted.seconds_left = result.left_ms // 1000
    granted.valid_for_ms = result.valid_for_ms
    if result.known:
        reply.usage.CopyFrom(usage(result.usage))


def add_plain_charges(results: Any, charges: Iterable[tuple[int, PlainCharge]]) -> None:
    """Adds results by their operations' ids, of charges that were taken as they are."""
    for operation_id, (_, directive, reserved, left_ms, valid_ms, rated, charged) in charges:
        result = results.add()
        result.id = operation_id
        reply = result.charge
        reply.directive = directive
        reply.state = ACTIVE
        reply.rated_micros = rated
        reply.charged_micros = charged
        if rated != charged:
            reply.overrun_micros = rated - charged
        granted = reply.grant
        granted.reserved_micros = reserved
        granted.seconds_left = left_ms // 1000
        granted.valid_for_ms = valid_ms


def nobody_holds() -> pb.ChargeResponse:
    """The reply to a Charge for a call that neither store holds."""
    return pb.ChargeResponse(
        directive=pb.DIRECTIVE_REAUTHORIZE, state=common_pb2.CALL_STATE_UNKNOWN
    )


def settled(result: CallResult, pricing: Pricing, posted: bool) -> pb.SettleResponse:
    """The reply to a Settle that the script decided."""
    return pb.SettleResponse(
        settlement=_settlement(posted),
        state=common_pb2.CALL_STATE_SETTLED,
        rated_micros=result.rated,
        charged_micros=result.charged,
        overrun_micros=result.overrun,
        cost=components(pricing, result.usage, result.rated),
        tariff_version=tariff_version(result.pin),
        outcome=result.outcome,  # type: ignore[arg-type]
        spend_by_day=days(result.spend_by_day),
    )


def running_call(
    tenant_id: str, call_id: str, view: CallView, pricing: Pricing | None, posted_n: int
) -> common_pb2.Call:
    """A call that the live store holds."""
    parties, times = Parties.unpack(view.parties), Times.unpack(view.times)
    settled_here = view.state == State.SETTLED
    call = common_pb2.Call(
        tenant_id=tenant_id,
        call_id=call_id,
        state=view.state,  # type: ignore[arg-type]
        model=view.model,
        caller=parties.caller,
        callee=parties.callee,
        direction=parties.direction,  # type: ignore[arg-type]
        assistant_id=view.assistant_id,
        analytics=view.pin.endswith("+a"),
        tariff_version=tariff_version(view.pin),
        usage=usage(view.usage),
        elapsed_ms=None if view.elapsed_ms == NONE else view.elapsed_ms,
        rated_micros=view.rated,
        charged_micros=view.charged,
        overrun_micros=view.overrun,
        reserved_micros=view.reserved,
        authorized_at=timestamp(view.authorized_at_ms),
        lease_expires_at=None if settled_here else timestamp(view.lease_until_ms),
        outcome=view.outcome,  # type: ignore[arg-type]
        settlement=_settlement(view.n <= posted_n) if settled_here else 0,  # type: ignore[arg-type]
        cost=components(pricing, view.usage, view.rated) if settled_here and pricing else [],
        spend_by_day=days(view.spend_by_day),
    )
    put_times(call, times)
    return call


def put_times(call: common_pb2.Call, times: Times) -> None:
    """Sets those wall-clock times that are known."""
    for name, ms in zip(("started_at", "answered_at", "ended_at"), times, strict=True):
        if ms is not None:
            getattr(call, name).CopyFrom(timestamp(ms))


def components(pricing: Pricing, packed_usage: bytes, rated: int) -> list[common_pb2.CostComponent]:
    """The itemised cost; nothing when the call was free."""
    if not rated:
        return []
    return [
        common_pb2.CostComponent(component=name, amount_micros=micros)
        for name, micros in pricing.rate(unpack_usage(packed_usage)).components
    ]


def usage(packed: bytes) -> common_pb2.Usage:
    """Usage as gateways read it."""
    return common_pb2.Usage(quantities=unpack_usage(packed))


def days(spend_by_day: tuple[tuple[str, int], ...]) -> list[common_pb2.DaySpend]:
    """Money per day."""
    return [
        common_pb2.DaySpend(day=iso_day(day), amount_micros=amount) for day, amount in spend_by_day
    ]


def tariff_version(pin: str) -> str:
    """The tariff version of a pin, as name@version."""
    return pin.removesuffix("+a")


def _settlement(posted: bool) -> common_pb2.Settlement.ValueType:
    return common_pb2.SETTLEMENT_POSTED if posted else common_pb2.SETTLEMENT_ACCEPTED
