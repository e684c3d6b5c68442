"""From a call that the ledger holds to what gateways are told."""

from collections.abc import Sequence
from datetime import datetime

from google.protobuf.timestamp_pb2 import Timestamp

from ledger.call import SettledCallRecord
from ledger.itemising import MeterCost
from server.calls.packing import Parties
from server.calls.replies import days
from server.errors import KeyReused
from tollgate.v1 import call_authorization_pb2 as pb
from tollgate.v1 import common_pb2


def require_same_call(record: SettledCallRecord, model: str, parties: Parties) -> None:
    """Raises KeyReused when the call id was used for another call."""
    known = Parties(record.caller, record.callee, record.direction)
    if record.model != model or known != parties:
        raise KeyReused


def require_same_settle(record: SettledCallRecord, digest: bytes) -> None:
    """Raises KeyReused when the call was settled by its gateway with other content."""
    if record.settle_digest and record.settle_digest != digest:
        raise KeyReused


def charged(record: SettledCallRecord) -> pb.ChargeResponse:
    """The reply to a Charge for a settled call."""
    return pb.ChargeResponse(
        directive=pb.DIRECTIVE_HANG_UP,
        grant=pb.Grant(),
        state=common_pb2.CALL_STATE_SETTLED,
        rated_micros=record.rated_micros,
        charged_micros=record.charged_micros,
        overrun_micros=record.overrun_micros,
        usage=common_pb2.Usage(quantities=record.usage),
    )


def settled(record: SettledCallRecord) -> pb.SettleResponse:
    """The first result of a Settle."""
    return pb.SettleResponse(
        settlement=common_pb2.SETTLEMENT_POSTED,
        state=common_pb2.CALL_STATE_SETTLED,
        rated_micros=record.rated_micros,
        charged_micros=record.charged_micros,
        overrun_micros=record.overrun_micros,
        cost=_cost(record),
        tariff_version=_tariff_version(record),
        outcome=record.outcome,  # type: ignore[arg-type]
        spend_by_day=days(record.spend_by_day),
    )


def settled_call(
    record: SettledCallRecord, meter_costs: Sequence[MeterCost] = ()
) -> common_pb2.Call:
    """The call as GetCall and ListCalls show it."""
    return common_pb2.Call(
        tenant_id=record.tenant,
        call_id=record.call_id,
        state=common_pb2.CALL_STATE_SETTLED,
        model=record.model,
        caller=record.caller,
        callee=record.callee,
        direction=record.direction,  # type: ignore[arg-type]
        assistant_id=record.assistant_id,
        analytics=record.analytics,
        tariff_version=_tariff_version(record),
        usage=common_pb2.Usage(quantities=record.usage),
        elapsed_ms=record.elapsed_ms,
        rated_micros=record.rated_micros,
        charged_micros=record.charged_micros,
        overrun_micros=record.overrun_micros,
        authorized_at=_moment(record.authorized_at),
        started_at=_moment(record.started_at),
        answered_at=_moment(record.answered_at),
        ended_at=_moment(record.ended_at),
        outcome=record.outcome,  # type: ignore[arg-type]
        settlement=common_pb2.SETTLEMENT_POSTED,
        cost=_cost(record),
        spend_by_day=days(record.spend_by_day),
        late_usage=(
            common_pb2.Usage(quantities=record.late_usage.usage) if record.late_usage else None
        ),
        meter_costs=[common_pb2.MeterCost(**each._asdict()) for each in meter_costs],
    )


def _cost(record: SettledCallRecord) -> list[common_pb2.CostComponent]:
    return [
        common_pb2.CostComponent(component=name, amount_micros=micros)
        for name, micros in record.cost
    ]


def _tariff_version(record: SettledCallRecord) -> str:
    return f"{record.tariff}@{record.tariff_version}"


def _moment(at: datetime | None) -> Timestamp | None:
    if at is None:
        return None
    stamp = Timestamp()
    stamp.FromDatetime(at)
    return stamp
