"""The price book in memory: which prices a call is rated with."""

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from ledger.call import SettledCallRecord
from ledger.errors import LedgerUnavailable
from ledger.itemising import MeterCost, itemised
from ledger.pin import Pin
from ledger.price_list import PriceList
from ledger.pricing.prices import ModelPrices
from ledger.rating import Expectation, Rated, expectation, rate, rate_total
from ledger.tariff import Tariff
from ledger.tariffs import Tariffs

MAX_PINS = 200_000
REFRESH_S = 5.0


@dataclass(frozen=True, slots=True)
class Pricing:
    """One model's prices as a call pins them."""

    pin: str
    model: str
    currency: str
    analytics: bool
    free_ms: int
    prices: ModelPrices
    _expected: dict[int, Expectation] = field(default_factory=dict, compare=False, repr=False)

    def rate(self, quantities: dict[str, int]) -> Rated:
        """What usage costs; the free period is decided where the elapsed time is known."""
        return rate(self.prices, quantities, self.analytics)

    def total(self, quantities: dict[str, int]) -> int:
        """What usage costs in all."""
        return rate_total(self.prices, quantities, self.analytics)

    def expect(self, seconds: int) -> Expectation:
        """What some seconds of the call are expected to cost."""
        found = self._expected.get(seconds)
        if found is None:
            found = self._expected[seconds] = expectation(self.prices, seconds, self.analytics)
        return found


class PriceBook:
    """All tariff versions, read again every few seconds and whenever one is missing."""

    def __init__(self, tariffs: Tariffs) -> None:
        self._tariffs = tariffs
        self._list = PriceList([])
        self._pricings: dict[tuple[str, str], Pricing] = {}
        self._pins: OrderedDict[tuple[str, str], Pricing] = OrderedDict()

    async def refresh(self) -> None:
        """Reads all tariff versions. Raises LedgerUnavailable."""
        self._list = PriceList(await self._tariffs.all())

    async def keep_fresh(self) -> None:
        """Refreshes for ever; while the ledger is away the book stays as it is."""
        while True:
            await asyncio.sleep(REFRESH_S)
            try:
                await self.refresh()
            except LedgerUnavailable:
                continue

    def in_force(self, tariff_name: str, model: str, analytics: bool) -> Pricing | None:
        """The prices in force now, as far as they are in memory."""
        tariff = self._list.in_force(tariff_name, datetime.now(UTC))
        return self._pricing(tariff, model, analytics) if tariff else None

    async def for_new_call(self, tariff_name: str, model: str, analytics: bool) -> Pricing | None:
        """The prices in force now; None when the tariff does not price the model."""
        tariff = self._list.in_force(tariff_name, datetime.now(UTC))
        if tariff is None:
            await self.refresh()
            tariff = self._list.in_force(tariff_name, datetime.now(UTC))
        return self._pricing(tariff, model, analytics) if tariff else None

    async def at(
        self, tariff_name: str, version: int | None, model: str, analytics: bool, when: datetime
    ) -> Pricing | None:
        """The prices of a named version, or of the one in force at a moment."""
        tariff = await self.tariff(tariff_name, version, when)
        return self._pricing(tariff, model, analytics) if tariff else None

    async def tariff(self, name: str, version: int | None, when: datetime) -> Tariff | None:
        """A named version, or the one in force at a moment. Raises LedgerUnavailable."""
        for refreshed in (False, True):
            if refreshed:
                await self.refresh()
            if version is None:
                tariff = self._list.in_force(name, when)
            else:
                tariff = self._list.version(name, version)
            if tariff is not None:
                return tariff
        return None

    async def pinned(self, pin_text: str, model: str) -> Pricing:
        """The prices that a running call has pinned."""
        found = self._pricings.get((pin_text, model))
        if found is not None:
            return found
        pin = Pin.parse(pin_text)
        pricing = await self.at(pin.tariff, pin.version, model, pin.analytics, datetime.now(UTC))
        if pricing is None:
            raise RuntimeError("a running call has pinned a tariff that the ledger does not hold")
        return pricing

    async def itemise(self, call: SettledCallRecord) -> Sequence[MeterCost]:
        """What each meter of a settled call comes to. Raises LedgerUnavailable."""
        pricing = await self.at(
            call.tariff, call.tariff_version, call.model, call.analytics, call.settled_at
        )
        if pricing is None:
            raise RuntimeError("a settled call names a tariff that the ledger does not hold")
        return itemised(pricing.prices, call.usage, call.analytics, dict(call.cost))

    def remember(self, call: tuple[str, str], pricing: Pricing) -> None:
        """Keeps what a call of a tenant has pinned, so that its next report is rated at once."""
        self._pins[call] = pricing
        if len(self._pins) > MAX_PINS:
            self._pins.popitem(last=False)

    def remembered(self, call: tuple[str, str]) -> Pricing | None:
        """What a call is believed to have pinned; the script tells when that is wrong."""
        return self._pins.get(call)

    def forget(self, call: tuple[str, str]) -> None:
        """Drops what a closed call had pinned."""
        self._pins.pop(call, None)

    def _pricing(self, tariff: Tariff, model: str, analytics: bool) -> Pricing | None:
        prices = tariff.models.get(model)
        if prices is None:
            return None
        pin = str(Pin(tariff.name, tariff.version, analytics))
        known = self._pricings.get((pin, model))
        if known is None:
            known = Pricing(pin, model, tariff.currency, analytics, tariff.free_period_ms, prices)
            self._pricings[pin, model] = known
        return known
