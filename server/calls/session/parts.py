"""What the streams of a process share."""

from dataclasses import dataclass

from quota.store import QuotaStore
from server.calls.desk import CallDesk
from server.calls.session.sessions import Sessions
from server.interceptors.overload import Limiter
from server.telemetry import Telemetry

# What may be in flight on all streams of a process; above four fifths no new call starts.
MAX_IN_FLIGHT = 50_000


@dataclass(frozen=True, slots=True)
class SessionParts:
    """`patience_s` bounds an operation that goes the ordinary way."""

    store: QuotaStore
    desk: CallDesk
    sessions: Sessions
    limiter: Limiter
    patience_s: float
    told: Telemetry
