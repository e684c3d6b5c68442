"""The usage of one call: increments added up to the cumulative quantities that reports carry."""

from collections.abc import Mapping

# What the contract allows.
MAX_METERS = 32
MAX_QUANTITY = 10**12
MAX_NAME = 64


class UsageTotals:
    """Quantity per meter since the call was answered; never falls."""

    __slots__ = ("_totals",)

    def __init__(self) -> None:
        self._totals: dict[str, int] = {}

    def add(self, increments: Mapping[str, int]) -> None:
        """Adds to meters, all or none. Raises ValueError."""
        totals = self._totals
        self._put({meter: totals.get(meter, 0) + each for meter, each in increments.items()})

    def raise_to(self, totals: Mapping[str, int]) -> None:
        """Sets meters to cumulative quantities; one that is lower than before stays."""
        self._put({meter: max(self._totals.get(meter, 0), each) for meter, each in totals.items()})

    def continue_from(self, accepted: Mapping[str, int], sent: Mapping[str, int]) -> None:
        """Takes over what the service knew beyond what was sent to it, as of that report.

        So a gateway that lost its memory goes on from the last accepted usage, and what it counted
        since the report comes on top.
        """
        for meter, quantity in accepted.items():
            if (ahead := quantity - sent.get(meter, 0)) > 0:
                self._totals[meter] = self._totals.get(meter, 0) + ahead

    def snapshot(self) -> dict[str, int]:
        """The quantities now."""
        return dict(self._totals)

    def _put(self, changed: dict[str, int]) -> None:
        for meter, quantity in changed.items():
            before = self._totals.get(meter, 0)
            if not isinstance(quantity, int) or not before <= quantity <= MAX_QUANTITY:
                raise ValueError(f"{meter}: must be whole, not negative, at most {MAX_QUANTITY}")
            if not (1 <= len(meter) <= MAX_NAME and meter.isprintable()):
                raise ValueError(f"a meter's name has 1 to {MAX_NAME} printable characters")
        if len(self._totals.keys() | changed.keys()) > MAX_METERS:
            raise ValueError(f"a call has at most {MAX_METERS} meters")
        self._totals.update(changed)
