"""What replies about calls say, in words for people."""

from collections.abc import Iterable

from server.cli import printing
from server.cli.connection import Connection
from server.cli.problems import Problem
from server.money import show
from tollgate.v1 import billing_pb2, common_pb2
from tollgate.v1 import call_authorization_pb2 as pb

DIRECTIVES = {
    pb.DIRECTIVE_CONTINUE: "go on",
    pb.DIRECTIVE_WARN: "go on; the money or the time runs short",
    pb.DIRECTIVE_FINISH: "finish: this is the last grant",
    pb.DIRECTIVE_HANG_UP: "hang up now",
    pb.DIRECTIVE_REAUTHORIZE: "nobody holds this call: authorize it again, with its usage so far",
}


def currency_of(connection: Connection, tenant_id: str) -> str:
    """The tenant's currency; empty when the key may not know it."""
    request = billing_pb2.GetBalanceRequest(tenant_id=tenant_id)
    try:
        balance: billing_pb2.GetBalanceResponse
        balance = connection.ask(connection.billing.GetBalance, request)
        return balance.currency
    except Problem:
        return ""


def tell_decision(reply: pb.AuthorizeResponse, currency: str) -> None:
    """ACCEPTED with its grant, or REJECTED with what is needed to act on it."""
    if reply.decision == pb.DECISION_ACCEPTED:
        printing.facts(
            [
                ("decision", "ACCEPTED"),
                *_grant(reply.directive, reply.grant, currency),
                ("tariff", reply.tariff_version),
                *_usage("usage so far", reply.usage),
            ]
        )
        return
    refusal = reply.refusal
    reason = printing.word(pb.RefusalReason, refusal.reason, "REFUSAL_REASON")
    capped = refusal.HasField("daily_cap_micros")
    printing.facts(
        [
            ("decision", f"REJECTED, {reason}"),
            ("available", show(refusal.available_micros, currency)),
            ("held by other calls", show(refusal.reserved_micros, currency)),
            ("daily cap", show(refusal.daily_cap_micros, currency) if capped else "none"),
            ("spent today", show(refusal.spent_today_micros, currency)),
            ("the day ends", printing.moment(refusal, "resets_at")),
            *_guard(refusal, currency),
            ("answer the call", f"SIP {refusal.sip_status}, Q.850 cause {refusal.q850_cause}"),
        ]
    )


def tell_charge(reply: pb.ChargeResponse, currency: str) -> None:
    """The directive, the grant and what was charged."""
    if reply.directive == pb.DIRECTIVE_REAUTHORIZE:
        printing.say(f"Directive: {DIRECTIVES[reply.directive]}.")
        return
    printing.facts(
        [
            *_grant(reply.directive, reply.grant, currency),
            ("state", printing.word(common_pb2.CallState, reply.state, "CALL_STATE")),
            *_charged(reply.charged_micros, reply.overrun_micros, currency),
            *_usage("counted before", reply.usage),
        ]
    )


def tell_bill(reply: pb.SettleResponse, currency: str) -> None:
    """What the call cost, item by item, and whether the ledger has it."""
    posted = reply.settlement == common_pb2.SETTLEMENT_POSTED
    printing.facts(
        [
            ("settled", "POSTED, in the ledger" if posted else "ACCEPTED, not in the ledger yet"),
            ("outcome", outcome(reply.outcome)),
            *_charged(reply.charged_micros, reply.overrun_micros, currency),
            *_costs(reply.cost, currency),
            ("tariff", reply.tariff_version),
        ]
    )


def call_facts(call: common_pb2.Call, currency: str) -> list[tuple[str, str]]:
    """Everything about a call that is known."""
    state = printing.word(common_pb2.CallState, call.state, "CALL_STATE")
    if call.state == common_pb2.CALL_STATE_SETTLED:
        state += ", " + printing.word(common_pb2.Settlement, call.settlement, "SETTLEMENT")
    direction = printing.word(common_pb2.Direction, call.direction, "DIRECTION").lower()
    times = ("authorized_at", "started_at", "answered_at", "ended_at")
    rows = [
        ("call", f"{call.call_id} of {call.tenant_id}"),
        ("state", state),
        ("outcome", outcome(call.outcome)),
        ("model", call.model),
        ("assistant", call.assistant_id or printing.NONE),
        ("parties", f"{direction}, {call.caller or '?'} → {call.callee or '?'}"),
        ("tariff", call.tariff_version + (", with analytics" if call.analytics else "")),
        ("length", length(call)),
        *((name.replace("_at", ""), printing.moment(call, name)) for name in times),
        *_charged(call.charged_micros, call.overrun_micros, currency),
        *(_items(call, currency) or _costs(call.cost, currency)),
        ("reserved", show(call.reserved_micros, currency)),
        *_usage("usage", call.usage),
        *_usage("late usage", call.late_usage),
    ]
    return [row for row in rows if row[1] != printing.NONE]


def length(call: common_pb2.Call) -> str:
    """The time since answer, as minutes and seconds."""
    if not call.HasField("elapsed_ms"):
        return printing.NONE
    minutes, seconds = divmod(call.elapsed_ms // 1000, 60)
    return f"{minutes}:{seconds:02d}"


def outcome(number: common_pb2.Outcome.ValueType) -> str:
    """How a call ended, in words; a dash while it runs."""
    if number == common_pb2.OUTCOME_UNSPECIFIED:
        return printing.NONE
    return printing.word(common_pb2.Outcome, number, "OUTCOME").replace("_", " ").lower()


def _grant(
    directive: pb.Directive.ValueType, grant: pb.Grant, currency: str
) -> list[tuple[str, str]]:
    name = printing.word(pb.Directive, directive, "DIRECTIVE")
    return [
        ("directive", f"{name}: {DIRECTIVES.get(directive, 'unknown')}"),
        ("reserved", f"{show(grant.reserved_micros, currency)}, enough for {grant.seconds_left} s"),
        ("report within", f"{grant.valid_for_ms / 1000:g} s"),
    ]


def _guard(refusal: pb.Refusal, currency: str) -> list[tuple[str, str]]:
    if refusal.HasField("caller_daily_limit_micros"):
        limit = show(refusal.caller_daily_limit_micros, currency)
        spent = show(refusal.caller_spent_today_micros, currency)
        held = show(refusal.caller_reserved_micros, currency)
        return [("this caller", f"spent {spent} and holds {held}, of {limit} a day")]
    if refusal.HasField("calls_per_minute"):
        wait_s = refusal.retry_after_ms / 1000
        again = f"again in {wait_s:g} s" if refusal.HasField("retry_after_ms") else "never"
        return [("calls may begin", f"{again}, {refusal.calls_per_minute} a minute")]
    return []


def _charged(charged: int, overrun: int, currency: str) -> list[tuple[str, str]]:
    rows = [("charged", show(charged, currency))]
    if overrun:
        rows.append(("not covered", f"{show(overrun, currency)}, never charged"))
    return rows


def _costs(cost: Iterable[common_pb2.CostComponent], currency: str) -> list[tuple[str, str]]:
    return [(f"  {part.component}", show(part.amount_micros, currency)) for part in cost]


def _items(call: common_pb2.Call, currency: str) -> list[tuple[str, str]]:
    return [
        (f"  {item.meter}", f"{item.quantity:,}: {show(item.amount_micros, currency)}")
        for item in call.meter_costs
    ]


def _usage(label: str, usage: common_pb2.Usage) -> list[tuple[str, str]]:
    items = [f"{meter} {quantity:,}" for meter, quantity in sorted(usage.quantities.items())]
    return [(label, ", ".join(items))] if items else []
