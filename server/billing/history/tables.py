"""The columns of the CSV tables, and what each row puts into them."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

from ledger.call import SettledCallRecord
from ledger.history.row import HistoryRow, NumberedRefusal
from ledger.itemising import MeterCost
from server.billing.history.csv_text import Cell, Moment, Money, harmless
from server.billing.history.wording import STATUSES, Wording, description, type_of
from server.fields import PHONE_NUMBER
from tollgate.v1 import common_pb2

Shown = Callable[[str], str]

TRANSACTION_COLUMNS = (
    *("number", "at", "type", "description", "amount", "currency", "status", "calls", "details"),
)
CALL_COLUMNS = (
    *("call", "settled", "day", "started", "answered", "ended", "outcome", "direction", "caller"),
    *("callee", "assistant", "model", "tariff", "seconds", "input", "cached", "output", "heard"),
    *("spoken", "telephony", "reports", "other_usage", "cost_input", "cost_cached", "cost_output"),
    *("cost_heard", "cost_spoken", "cost_telephony", "cost_reports", "cost_other", "cost"),
    *("overrun", "charged", "currency"),
)
REFUSAL_COLUMNS = (
    *("at", "reason", "call", "model", "direction", "caller", "callee", "assistant"),
)
TOKEN_METERS = ("llm_input_tokens", "llm_cached_tokens", "llm_output_tokens")
TIME_METERS = ("stt_ms", "tts_ms", "telephony_ms")
REPORTS = "analytics_reports"
METERS = (*TOKEN_METERS, *TIME_METERS, REPORTS)

# ANSWERED and the like, as Asterisk says it.
DISPOSITIONS: Mapping[int, str] = {
    common_pb2.OUTCOME_COMPLETED: "ANSWERED",
    common_pb2.OUTCOME_CUT: "ANSWERED",
    common_pb2.OUTCOME_INCOMPLETE: "ANSWERED",
    common_pb2.OUTCOME_NO_ANSWER: "NO ANSWER",
    common_pb2.OUTCOME_BUSY: "BUSY",
    common_pb2.OUTCOME_FAILED: "FAILED",
}
BILLED = "BILLING"  # the AMA flag


def transaction_cells(row: HistoryRow, wording: Wording, currency: str) -> Sequence[Cell]:
    """A row of the payment history."""
    return (
        row.number,
        Moment(row.at),
        wording.types[type_of(row)],
        description(row, wording),
        Money(row.amount_micros),
        currency,
        wording.statuses[STATUSES[row.status]],
        row.calls if row.gathered else None,
        row.details_url,
    )


def call_cells(
    call: SettledCallRecord,
    items: Sequence[MeterCost],
    wording: Wording,
    currency: str,
    shown: Shown,
) -> Sequence[Cell]:
    """A call with what it used and what each meter cost."""
    cost = {item.meter: item.amount_micros for item in items}
    other = {meter: count for meter, count in sorted(call.usage.items()) if meter not in METERS}
    reports = call.usage.get(REPORTS, 0) or int(call.analytics)
    return (
        call.call_id,
        Moment(call.settled_at),
        call.day,
        *(Moment(at) for at in (call.started_at, call.answered_at, call.ended_at)),
        wording.outcomes.get(call.outcome, ""),
        wording.directions.get(call.direction, ""),
        shown(call.caller),
        shown(call.callee),
        call.assistant_id,
        call.model,
        f"{call.tariff}@{call.tariff_version}",
        None if call.elapsed_ms is None else _seconds(call.elapsed_ms),
        *(call.usage.get(meter, 0) for meter in TOKEN_METERS),
        *(_seconds(call.usage.get(meter, 0)) for meter in TIME_METERS),
        reports,
        ", ".join(f"{meter} {count}" for meter, count in other.items()),
        *(Money(cost.pop(meter, 0)) for meter in METERS),
        Money(sum(cost.values())),
        Money(call.rated_micros),
        Money(call.overrun_micros),
        Money(call.charged_micros),
        currency,
    )


def refusal_cells(refusal: NumberedRefusal, wording: Wording, shown: Shown) -> Sequence[Cell]:
    """A call that was turned away."""
    return (
        Moment(refusal.at),
        refusal.reason,
        refusal.call_id,
        refusal.model,
        wording.directions.get(refusal.direction, ""),
        shown(refusal.caller),
        shown(refusal.callee),
        refusal.assistant_id,
    )


def cdr_row(call: SettledCallRecord, shown: Shown) -> str:
    """A call detail record in the order of Asterisk's `cdr_csv`: accountcode, src, dst, dcontext,
    clid, channel, dstchannel, lastapp, lastdata, start, answer, end, duration, billsec,
    disposition, amaflags, uniqueid, userfield. What Tollgate does not know is empty.
    """
    caller, callee = shown(call.caller), shown(call.callee)
    started = call.started_at or call.authorized_at or call.answered_at
    ended = call.ended_at or call.settled_at
    begun = started or ended
    texts = (
        *(call.tenant, caller, callee, "", caller, "", "", call.model, call.assistant_id),
        *(_utc(begun), _utc(call.answered_at), _utc(ended)),
    )
    seconds = (
        max(0, int((ended - begun).total_seconds())),
        (call.elapsed_ms or 0) // 1000,
    )
    disposition = DISPOSITIONS.get(call.outcome, "FAILED")
    last = (disposition, BILLED, call.call_id, f"{call.tariff}@{call.tariff_version}")
    cells = [*map(_cdr_text, texts), *map(str, seconds), *map(_cdr_text, last)]
    return ",".join(cells) + "\r\n"


def _cdr_text(text: str) -> str:
    """Asterisk quotes every text. A phone number keeps its plus: nothing computes it, and
    programs that read these records compare numbers.
    """
    safe = text if PHONE_NUMBER.fullmatch(text) else harmless(text)
    return '"' + safe.replace('"', '""') + '"'


def _utc(at: datetime | None) -> str:
    return "" if at is None else at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def _seconds(milliseconds: int) -> Cell:
    """Seconds with three decimals are thousandths; money's writing serves, in its micros."""
    return Money(milliseconds * 1_000)
