"""The messages that are sent and, for the echo, the replies: the same shape for both."""

import struct

from tollgate.v1 import call_authorization_pb2 as pb
from tollgate.v1 import common_pb2

SERVICE = "tollgate.v1.CallAuthorizationService"
MODEL = "gpt-4o-realtime"
REPORT_MS = 5_000


def usage(step: int) -> common_pb2.Usage:
    """The usage of a lively call after so many reports of 5 seconds."""
    return common_pb2.Usage(
        quantities={
            "llm_input_tokens": 60 * step,
            "llm_output_tokens": 45 * step,
            "stt_ms": 2_400 * step,
            "tts_ms": 2_100 * step,
            "telephony_ms": REPORT_MS * step,
        }
    )


def authorize(tenant_id: str, call_id: str) -> pb.AuthorizeRequest:
    """A new call."""
    return pb.AuthorizeRequest(
        tenant_id=tenant_id,
        call_id=call_id,
        model=MODEL,
        caller="+74951234567",
        callee="+78121234567",
        direction=common_pb2.DIRECTION_INBOUND,
    )


def charge(tenant_id: str, call_id: str, step: int) -> pb.ChargeRequest:
    """A call's report number `step`."""
    return pb.ChargeRequest(
        tenant_id=tenant_id, call_id=call_id, usage=usage(step), elapsed_ms=REPORT_MS * step
    )


def settle(tenant_id: str, call_id: str, step: int) -> pb.SettleRequest:
    """The end of a call, with the usage of its report number `step`."""
    return pb.SettleRequest(
        tenant_id=tenant_id,
        call_id=call_id,
        usage=usage(step),
        elapsed_ms=REPORT_MS * step,
        outcome=common_pb2.OUTCOME_COMPLETED,
        model=MODEL,
        caller="+74951234567",
        callee="+78121234567",
        direction=common_pb2.DIRECTION_INBOUND,
    )


GRANT = pb.Grant(reserved_micros=41_100, seconds_left=58, valid_for_ms=58_200)
AUTHORIZED = pb.AuthorizeResponse(
    decision=pb.DECISION_ACCEPTED,
    grant=GRANT,
    directive=pb.DIRECTIVE_CONTINUE,
    state=common_pb2.CALL_STATE_AUTHORIZED,
    tariff_version="standard@1",
)
CHARGED = pb.ChargeResponse(
    directive=pb.DIRECTIVE_CONTINUE,
    grant=GRANT,
    state=common_pb2.CALL_STATE_ACTIVE,
    rated_micros=11_400,
    charged_micros=11_400,
)
SETTLED = pb.SettleResponse(
    settlement=common_pb2.SETTLEMENT_POSTED,
    state=common_pb2.CALL_STATE_SETTLED,
    rated_micros=11_400,
    charged_micros=11_400,
    cost=[
        common_pb2.CostComponent(component="llm", amount_micros=9_100),
        common_pb2.CostComponent(component="stt", amount_micros=1_100),
        common_pb2.CostComponent(component="tts", amount_micros=1_200),
    ],
    tariff_version="standard@1",
    outcome=common_pb2.OUTCOME_COMPLETED,
    spend_by_day=[common_pb2.DaySpend(day="2026-01-01", amount_micros=11_400)],
)


def framed(message: pb.ChargeRequest | pb.ChargeResponse) -> bytes:
    """A message as it travels in an HTTP/2 body: not compressed, its length, its bytes."""
    packed = message.SerializeToString()
    return struct.pack(">BI", 0, len(packed)) + packed
