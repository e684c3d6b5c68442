"""Tariffs: between the contract's messages and the documents that the ledger checks."""

from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from ledger.price_list import PriceList
from ledger.pricing.prices import MeterPrice, ModelPrices
from ledger.tariff import Tariff
from ledger.tariffs import Tariffs
from ledger.tenants import Tenants
from server.billing.form import Form
from server.calls.price_book import PriceBook
from server.errors import InvalidFields, Violation
from tollgate.v1 import billing_pb2 as pb

UNITS = {
    pb.RATE_UNIT_PER_1K: "per_1k",
    pb.RATE_UNIT_PER_MINUTE: "per_minute",
    pb.RATE_UNIT_PER_CALL: "per_call",
}
MODES = {
    pb.ROUNDING_MODE_UNSPECIFIED: "half_up",
    pb.ROUNDING_MODE_HALF_UP: "half_up",
    pb.ROUNDING_MODE_HALF_EVEN: "half_even",
    pb.ROUNDING_MODE_UP: "up",
    pb.ROUNDING_MODE_DOWN: "down",
}
_UNIT_NUMBERS = {name: number for number, name in UNITS.items()}
_MODE_NUMBERS = {name: number for number, name in MODES.items()}


class TariffDesk:
    """Answers what is asked of tariffs."""

    def __init__(self, tariffs: Tariffs, tenants: Tenants, book: PriceBook) -> None:
        self._tariffs, self._tenants, self._book = tariffs, tenants, book

    async def put(self, request: pb.PutTariffRequest) -> pb.PutTariffResponse:
        """Adds the next version; this process prices with it at once, others within seconds."""
        form = Form()
        form.id("request_id", request.request_id)
        form.done()
        tariff = await self._tariffs.put(request.request_id, document_of(request.tariff))
        await self._book.refresh()
        in_force = await self._book.tariff(tariff.name, None, datetime.now(UTC))
        return pb.PutTariffResponse(tariff=shown(tariff, in_force))

    async def list(
        self, request: pb.ListTariffsRequest, tenants: Collection[str] | None
    ) -> pb.ListTariffsResponse:
        """All versions, or those of one name; of the tariffs of `tenants` unless that is None."""
        form = Form()
        if request.name:
            form.tariff("name", request.name)
        form.done()
        tariffs = await self._tariffs.list(request.name or None)
        if tenants is not None:
            theirs = {(await self._tenants.get(tenant_id)).tariff for tenant_id in tenants}
            tariffs = [tariff for tariff in tariffs if tariff.name in theirs]
        prices, now = PriceList(tariffs), datetime.now(UTC)
        return pb.ListTariffsResponse(
            tariffs=[shown(tariff, prices.in_force(tariff.name, now)) for tariff in tariffs]
        )


def document_of(tariff: pb.Tariff) -> dict[str, Any]:
    """The document that a message stands for; what is wrong in it the ledger finds."""
    document: dict[str, Any] = {
        "name": tariff.name,
        "currency": tariff.currency,
        "rounding": {
            "mode": MODES.get(tariff.rounding.mode, str(tariff.rounding.mode)),
            "quantum_micros": tariff.rounding.quantum_micros or 1,
        },
        "models": [
            {"model": model.model, "meters": [_meter_document(price) for price in model.meters]}
            for model in tariff.models
        ],
    }
    if tariff.HasField("effective_from"):
        document["effective_from"] = _moment(tariff.effective_from)
    if tariff.HasField("free_period_ms"):
        document["free_period_ms"] = tariff.free_period_ms
    return document


def _moment(stamp: Timestamp) -> datetime:
    try:
        return stamp.ToDatetime(UTC)
    except (ValueError, OverflowError) as error:
        description = "must be a time between the years 1 and 9999"
        violation = Violation("tariff.effective_from", description, "INVALID_TARIFF")
        raise InvalidFields([violation]) from error


def _meter_document(price: pb.MeterPrice) -> dict[str, Any]:
    document: dict[str, Any] = {"meter": price.meter, "rate": price.rate}
    if price.unit:
        document["unit"] = UNITS.get(price.unit, str(price.unit))
    if price.component:
        document["component"] = price.component
    if price.HasField("increment"):
        document["increment"] = {
            "initial_ms": price.increment.initial_ms,
            "next_ms": price.increment.next_ms,
        }
    if price.expected_per_minute or price.unit != pb.RATE_UNIT_PER_CALL:
        document["expected_per_minute"] = price.expected_per_minute
    return document


def shown(tariff: Tariff, in_force: Tariff | None) -> pb.Tariff:
    """The tariff as clients see it; `in_force` is the version of its name that new calls take."""
    message = pb.Tariff(
        name=tariff.name,
        version=tariff.version,
        currency=tariff.currency,
        free_period_ms=tariff.free_period_ms,
        rounding=pb.Rounding(
            mode=_MODE_NUMBERS[tariff.rounding.mode.value],
            quantum_micros=tariff.rounding.quantum_micros,
        ),
        models=[_model(prices) for prices in tariff.models.values()],
        in_force=in_force is not None and in_force.version == tariff.version,
    )
    message.effective_from.FromDatetime(tariff.effective_from)
    return message


def _model(prices: ModelPrices) -> pb.ModelPrices:
    return pb.ModelPrices(model=prices.model, meters=[_meter(price) for price in prices.meters])


def _meter(price: MeterPrice) -> pb.MeterPrice:
    message = pb.MeterPrice(
        meter=price.meter,
        rate=format(price.rate, "f"),
        unit=_UNIT_NUMBERS[price.unit.value],
        component=price.component,
        expected_per_minute=price.expected_per_minute,
    )
    if price.increment is not None:
        message.increment.initial_ms = price.increment.initial_ms
        message.increment.next_ms = price.increment.next_ms
    return message
