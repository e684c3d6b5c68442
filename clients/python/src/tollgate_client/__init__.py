"""Tollgate's client for gateways: may a call start, may it go on, what did it cost.

async with Tollgate("127.0.0.1:50051", key=KEY) as tollgate:
    async with tollgate.call("acme", "call-1", "gpt-4o-realtime") as call:
        call.answered()
        call.add(llm_input_tokens=120)
"""

from tollgate_client.bill import Bill
from tollgate_client.call import Call
from tollgate_client.client import Tollgate
from tollgate_client.errors import (
    Closed,
    InvalidRequest,
    KeyReused,
    NotAnswered,
    NotPosted,
    OperationFailed,
    PermissionDenied,
    Refused,
    TollgateError,
    TooManyCalls,
    Unauthenticated,
)
from tollgate_client.grant import Grant
from tollgate_client.words import Direction, Directive, Ending, Outcome, Reason

__all__ = [
    "Bill",
    "Call",
    "Closed",
    "Direction",
    "Directive",
    "Ending",
    "Grant",
    "InvalidRequest",
    "KeyReused",
    "NotAnswered",
    "NotPosted",
    "OperationFailed",
    "Outcome",
    "PermissionDenied",
    "Reason",
    "Refused",
    "Tollgate",
    "TollgateError",
    "TooManyCalls",
    "Unauthenticated",
]
