"""The methods of BillingService for top-ups and exchange rates."""

from typing import Any

from server.interceptors.principal import current_principal
from server.payments.desk import TopUpDesk
from server.payments.rates import RateDesk
from tollgate.v1 import payments_pb2 as pb


class PaymentMethods:
    """Checks the key's reach and hands on to the desks; BillingService inherits it."""

    _top_ups: TopUpDesk
    _rates: RateDesk

    async def GetTopUpOptions(
        self, request: pb.GetTopUpOptionsRequest, context: Any
    ) -> pb.GetTopUpOptionsResponse:
        current_principal().require(request.tenant_id)
        return await self._top_ups.options(request)

    async def CreateTopUp(
        self, request: pb.CreateTopUpRequest, context: Any
    ) -> pb.CreateTopUpResponse:
        current_principal().require(request.tenant_id)
        return await self._top_ups.create(request)

    async def GetTopUp(self, request: pb.GetTopUpRequest, context: Any) -> pb.GetTopUpResponse:
        current_principal().require(request.tenant_id)
        return await self._top_ups.get(request)

    async def ListTopUps(
        self, request: pb.ListTopUpsRequest, context: Any
    ) -> pb.ListTopUpsResponse:
        current_principal().require(request.tenant_id)
        return await self._top_ups.list(request)

    async def ConfirmTopUp(
        self, request: pb.ConfirmTopUpRequest, context: Any
    ) -> pb.ConfirmTopUpResponse:
        current_principal().require(request.tenant_id)
        return await self._top_ups.confirm(request)

    async def RefundTopUp(
        self, request: pb.RefundTopUpRequest, context: Any
    ) -> pb.RefundTopUpResponse:
        current_principal().require(request.tenant_id)
        return await self._top_ups.refund(request)

    async def SetExchangeRate(
        self, request: pb.SetExchangeRateRequest, context: Any
    ) -> pb.SetExchangeRateResponse:
        current_principal().require_all()
        return await self._rates.set(request)

    async def ListExchangeRates(
        self, request: pb.ListExchangeRatesRequest, context: Any
    ) -> pb.ListExchangeRatesResponse:
        current_principal().require_all()
        return await self._rates.list(request)
