"""The SIP status and Q.850 cause that a refused call is answered with (RFC 3261, ITU-T Q.850)."""

from typing import NamedTuple

from quota.decision import Reason


class Answer(NamedTuple):
    """What the gateway tells the caller's side."""

    sip_status: int
    q850_cause: int


PAYMENT_REQUIRED = Answer(402, 21)
FORBIDDEN = Answer(403, 21)
BUSY_HERE = Answer(486, 17)

ANSWERS = {
    Reason.UNKNOWN_TENANT: FORBIDDEN,
    Reason.TENANT_SUSPENDED: FORBIDDEN,
    Reason.UNKNOWN_MODEL: FORBIDDEN,
    Reason.CALL_ALREADY_SETTLED: FORBIDDEN,
    Reason.INSUFFICIENT_BALANCE: PAYMENT_REQUIRED,
    Reason.DAILY_CAP_REACHED: PAYMENT_REQUIRED,
    Reason.CALL_COST_LIMIT: PAYMENT_REQUIRED,
    Reason.TOO_MANY_CONCURRENT_CALLS: BUSY_HERE,
    Reason.CALLER_LIMIT: PAYMENT_REQUIRED,
    Reason.RATE_LIMITED: BUSY_HERE,
}
