"""The reports of one call: rated and packed with what was the same in the one before."""

from operator import itemgetter

from ledger.pricing.meter import GLOSSARY
from ledger.rating import rate_placed
from quota.batch import ChargeStem
from quota.operation import NONE, Charge
from server.calls.directory import Known
from server.calls.packing import pack_placed
from server.calls.price_book import Pricing
from server.calls.validation import MAX_QUANTITY
from tollgate.v1 import call_authorization_pb2 as pb

_METERS = len(GLOSSARY)
# The quickest way to read a message's map; it puts in zeros for those that are not there.
_read = itemgetter(*GLOSSARY)


class Reports:
    """Packs a call's charges under a profile and prices, until `until_ms`, the end of the day. When
    the store does not take one as it is, profile or prices may be others: then they are over too.
    """

    __slots__ = ("_analytics", "_prices", "_stem", "until_ms")

    def __init__(self, call: tuple[str, str], known: Known, pricing: Pricing) -> None:
        charge = Charge(
            *call, known.version, known.day, pricing.pin, pricing.model, 0, 0, b"", 0,
            pricing.free_ms,
        )  # fmt: skip
        self._stem = ChargeStem(charge)
        self._prices, self._analytics = pricing.prices, pricing.analytics
        self.until_ms = known.day.day_end_ms

    def pack(self, request: pb.ChargeRequest) -> bytes | None:
        """A packed charge; None when it has to be rated in the ordinary way, or is wrong."""
        quantities, elapsed_ms = request.usage.quantities, request.elapsed_ms
        if len(quantities) > _METERS:
            return None
        placed = _read(quantities)
        if len(quantities) > _METERS:
            return None
        if not elapsed_ms and not request.HasField("elapsed_ms"):
            elapsed_ms = NONE
        elif not 0 <= elapsed_ms <= MAX_QUANTITY:
            return None
        total = rate_placed(self._prices, placed, self._analytics)
        if total is None:
            return None
        return self._stem.pack(total, sum(placed), pack_placed(list(placed)), elapsed_ms)
