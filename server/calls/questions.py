"""What gateways ask, as it is asked of the live store: one question builds its operation, again
with other prices or a newer profile whenever that is what the store answers.
"""

from typing import Protocol

from ledger.errors import CostOutOfRange, QuantityOutOfRange, UnknownMeter
from quota.operation import NONE, Authorize, Charge, Operation, Settle
from quota.timing import Timing
from server.calls.directory import Known
from server.calls.packing import Parties, Times, pack_usage, settle_digest
from server.calls.price_book import Pricing
from server.errors import InvalidFields, Violation
from tollgate.v1 import call_authorization_pb2 as pb
from tollgate.v1 import common_pb2

# A call's tenant, and its name there.
CallKey = tuple[str, str]


class Question(Protocol):
    """Builds an operation. Raises InvalidFields when the usage cannot be rated."""

    def build(self, known: Known, pricing: Pricing | None) -> Operation:
        """The operation under a profile and prices; without prices it goes unrated."""


class AuthorizeQuestion:
    """May this call start, or go on?"""

    __slots__ = ("_parties", "_quantities", "_request", "_timing", "_usage")

    def __init__(self, request: pb.AuthorizeRequest, timing: Timing) -> None:
        self._request, self._timing = request, timing
        self._quantities = quantities_of(request.usage)
        self._usage = pack_usage(self._quantities) if request.HasField("usage") else b""
        self._parties = parties_of(request).pack()

    def build(self, known: Known, pricing: Pricing | None) -> Authorize:
        """Without prices the tariff does not know the model."""
        request, with_usage = self._request, self._request.HasField("usage")
        target = pricing.expect(self._timing.reserve_ms // 1000) if pricing else None
        start = pricing.expect(self._timing.min_start_ms // 1000) if pricing else None
        return Authorize(
            request.tenant_id,
            request.call_id,
            known.version,
            known.day,
            pricing.pin if pricing else "",
            request.model,
            self._parties,
            request.assistant_id,
            target.cost_micros if target else 0,
            start.cost_micros if start else 0,
            target.fee_micros if target else 0,
            target.burn_micros_per_second if target else 0,
            0 if pricing else 1,
            1 if with_usage else 0,
            _rate(pricing, self._quantities) if pricing and with_usage else 0,
            sum(self._quantities.values()),
            self._usage,
            elapsed_of(request),
            pricing.free_ms if pricing else 0,
        )


class ChargeQuestion:
    """What is the rise of this usage, and what does the call get for the way ahead?"""

    __slots__ = ("_call", "_elapsed_ms", "_usage", "_weight", "quantities")

    def __init__(self, call: CallKey, quantities: dict[str, int], elapsed_ms: int) -> None:
        """`quantities` are the request's own, copied once for all who read them."""
        self._call, self.quantities, self._elapsed_ms = call, quantities, elapsed_ms
        self._usage, self._weight = pack_usage(quantities), sum(quantities.values())

    def build(self, known: Known, pricing: Pricing | None) -> Charge:
        """Without prices the store tells which are pinned."""
        tenant_id, call_id = self._call
        return Charge(
            tenant_id,
            call_id,
            known.version,
            known.day,
            pricing.pin if pricing else "",
            pricing.model if pricing else "",
            _rate(pricing, self.quantities) if pricing else 0,
            self._weight,
            self._usage,
            self._elapsed_ms,
            pricing.free_ms if pricing else 0,
        )


class SettleQuestion:
    """Close the call with its final usage; with `opens` also one that nobody holds."""

    __slots__ = ("_opens", "_parties", "_request", "_times", "_usage", "digest", "quantities")

    def __init__(
        self, request: pb.SettleRequest, quantities: dict[str, int], *, opens: bool
    ) -> None:
        self._request, self.quantities, self._opens = request, quantities, opens
        self._usage, self._times = pack_usage(quantities), _times(request)
        self._parties = parties_of(request).pack()
        elapsed_ms = elapsed_of(request)
        self.digest = settle_digest(self._usage, elapsed_ms, self._times, request.corrects_usage)

    def build(self, known: Known, pricing: Pricing | None) -> Settle:
        """Without prices the store tells which are pinned."""
        request = self._request
        return Settle(
            request.tenant_id,
            request.call_id,
            known.version,
            known.day,
            pricing.pin if pricing else "",
            request.model,
            _rate(pricing, self.quantities) if pricing else 0,
            sum(self.quantities.values()),
            self._usage,
            elapsed_of(request),
            pricing.free_ms if pricing else 0,
            self._parties,
            request.assistant_id,
            self.digest,
            self._times.pack(),
            request.outcome,
            int(request.corrects_usage),
            int(self._opens),
        )


def quantities_of(usage: common_pb2.Usage) -> dict[str, int]:
    """A copy of the quantities; `dict` takes twice as long for the same."""
    quantities = usage.quantities
    return {meter: quantities[meter] for meter in quantities}


def key_of(request: pb.AuthorizeRequest | pb.ChargeRequest | pb.SettleRequest) -> CallKey:
    """Which call is meant."""
    return request.tenant_id, request.call_id


def parties_of(request: pb.AuthorizeRequest | pb.SettleRequest) -> Parties:
    """Who speaks with whom."""
    return Parties(request.caller, request.callee, int(request.direction))


def elapsed_of(request: pb.AuthorizeRequest | pb.ChargeRequest | pb.SettleRequest) -> int:
    """Milliseconds since the answer; NONE when there was none yet."""
    return request.elapsed_ms if request.HasField("elapsed_ms") else NONE


def _rate(pricing: Pricing, quantities: dict[str, int]) -> int:
    try:
        return pricing.total(quantities)
    except UnknownMeter as error:
        field = f"usage.quantities[{error.meter}]"
        description = "is not a meter of the call's tariff"
        raise InvalidFields([Violation(field, description, "UNKNOWN_METER")]) from error
    except (QuantityOutOfRange, CostOutOfRange) as error:
        description = "amounts to more than 10^12 micros"
        raise InvalidFields(
            [Violation("usage.quantities", description, "COST_OUT_OF_RANGE")]
        ) from error


def _times(request: pb.SettleRequest) -> Times:
    return Times(
        *(
            getattr(request, name).ToMilliseconds() if request.HasField(name) else None
            for name in ("started_at", "answered_at", "ended_at")
        )
    )
