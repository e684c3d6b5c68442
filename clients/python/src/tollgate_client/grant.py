"""What a reply allows, in moments of this process's monotonic clock."""

from dataclasses import dataclass

from tollgate.v1 import call_authorization_pb2 as pb
from tollgate_client.words import Directive

# A report has this share of a short grant's time to be answered in, repeats included.
REPORT_WITHIN = 0.5
SHORTEST_INTERVAL_S = 0.1


@dataclass(frozen=True, slots=True)
class Grant:
    """Money still reserved, and until when the call may go on without another reply.

    Moments are seconds of the monotonic clock; they count from when the request was sent.
    """

    reserved_micros: int
    seconds_left: int
    ends_at: float
    report_at: float
    last: bool

    @classmethod
    def of(
        cls,
        reply: pb.Grant,
        directive: int,
        *,
        sent: float,
        interval_s: float,
    ) -> "Grant":
        """The grant of a reply to a request of the moment `sent`."""
        last = directive == Directive.FINISH
        valid_s = reply.valid_for_ms / 1000
        if last:
            valid_s = min(valid_s, reply.seconds_left)
        report_s = min(interval_s, max(SHORTEST_INTERVAL_S, valid_s * REPORT_WITHIN))
        return cls(reply.reserved_micros, reply.seconds_left, sent + valid_s, sent + report_s, last)
