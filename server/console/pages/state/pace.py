"""How many calls a second, out of counts that only grow."""

from typing import NamedTuple

from tollgate.v1 import state_pb2 as pb

KEPT = 60
NANOS = 1_000_000_000


class Pace(NamedTuple):
    """Calls in a hundred seconds, so that two decimals stay exact; None before a second look."""

    accepted: int
    refused: int


class PaceMeter:
    """Remembers what it saw last, and the paces before."""

    def __init__(self) -> None:
        self._last: pb.DecisionCounts | None = None
        self.paces: list[Pace] = []

    def see(self, counts: pb.DecisionCounts) -> None:
        """Takes another look. Counts that fell are those of a server that began anew."""
        last, self._last = self._last, counts
        if last is None:
            return
        nanos = counts.counted_at.ToNanoseconds() - last.counted_at.ToNanoseconds()
        accepted, refused = counts.accepted - last.accepted, counts.refused - last.refused
        if nanos <= 0 or min(accepted, refused) < 0:
            return
        pace = Pace(*(100 * each * NANOS // nanos for each in (accepted, refused)))
        self.paces = [*self.paces, pace][-KEPT:]

    @property
    def now(self) -> Pace | None:
        """The last pace; None before there is one."""
        return self.paces[-1] if self.paces else None

    def line(self, width: int, height: int) -> str:
        """The accepted calls as the points of a line, the newest at the right."""
        highest = max((pace.accepted for pace in self.paces), default=0) or 1
        first = KEPT - len(self.paces)
        return " ".join(
            f"{(first + place) * width // (KEPT - 1)},{height - pace.accepted * height // highest}"
            for place, pace in enumerate(self.paces)
        )
