"""What a call would cost: the rating of calls, asked without one."""

from collections.abc import Mapping
from datetime import UTC, datetime

from ledger.itemising import itemised
from ledger.pricing.prices import ModelPrices
from ledger.pricing.rounding import Rounding, RoundingMode
from ledger.rating import expected_usage, rate
from ledger.tariff import Tariff
from ledger.tenants import Tenants
from server.billing.form import Form
from server.calls.price_book import PriceBook
from server.calls.validation import check_usage
from server.errors import InvalidFields, NotFound, Violation
from tollgate.v1 import common_pb2
from tollgate.v1 import quotes_pb2 as pb

MAX_ELAPSED_MS = 86_400_000
EXACT = Rounding(RoundingMode.HALF_UP, 1)


class QuoteDesk:
    """Prices calls that nobody makes."""

    def __init__(self, tenants: Tenants, book: PriceBook) -> None:
        self._tenants, self._book = tenants, book

    async def quote(self, request: pb.QuoteCallRequest) -> pb.QuoteCallResponse:
        """Prices usage, or what the tariff expects of a call that long."""
        _check(request)
        tariff = await self._tariff(request)
        prices = tariff.models.get(request.model)
        if prices is None:
            description = f"must be one of {', '.join(tariff.models)}"
            raise InvalidFields([Violation("model", description, "UNKNOWN_MODEL")])
        return _quoted(tariff, prices, request)

    async def _tariff(self, request: pb.QuoteCallRequest) -> Tariff:
        name = request.tariff or (await self._tenants.get(request.tenant_id)).tariff
        tariff = await self._book.tariff(name, request.version or None, datetime.now(UTC))
        if tariff is not None:
            return tariff
        if request.version:
            description = f"must be a version of {name}"
            raise InvalidFields([Violation("version", description, "UNKNOWN_VERSION")])
        raise NotFound("UNKNOWN_TARIFF", f"no version of {name} is in force")


def _check(request: pb.QuoteCallRequest) -> None:
    form = Form()
    if bool(request.tenant_id) == bool(request.tariff):
        form.wrong("tenant_id", "must be given unless tariff is, and not beside it")
    elif request.tenant_id:
        form.id("tenant_id", request.tenant_id)
    else:
        form.tariff("tariff", request.tariff)
    if request.version < 0:
        form.wrong("version", "must be at least 1, or 0 for the one in force")
    if not 0 <= request.elapsed_ms <= MAX_ELAPSED_MS:
        form.wrong("elapsed_ms", f"must be from 0 to {MAX_ELAPSED_MS}", "QUANTITY_OUT_OF_RANGE")
    form.done()
    check_usage(request.usage.quantities)


def _quoted(
    tariff: Tariff, prices: ModelPrices, request: pb.QuoteCallRequest
) -> pb.QuoteCallResponse:
    usage = _usage(prices, request)
    free = request.elapsed_ms < tariff.free_period_ms
    reply = pb.QuoteCallResponse(tariff_version=str(tariff), currency=tariff.currency, free=free)
    rated = rate(prices, usage, request.analytics)
    if not free:
        exact = ModelPrices.compile(prices.model, prices.meters, EXACT)
        reply.total_micros = rated.total_micros
        reply.exact_micros = rate(exact, usage, request.analytics).total_micros
    components = () if free else rated.components
    reply.cost.extend(
        common_pb2.CostComponent(component=name, amount_micros=micros)
        for name, micros in components
    )
    reply.meters.extend(
        common_pb2.MeterCost(**each._asdict())
        for each in itemised(prices, usage, request.analytics, dict(components))
    )
    return reply


def _usage(prices: ModelPrices, request: pb.QuoteCallRequest) -> Mapping[str, int]:
    if request.HasField("usage"):
        return dict(request.usage.quantities)
    return expected_usage(prices, request.elapsed_ms)
