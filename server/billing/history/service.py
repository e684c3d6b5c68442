"""BillingService, the past: checks the key's reach and hands on to the desks."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any, NamedTuple

from server.billing.history.examples import ExampleDesk
from server.billing.history.exports import ExportDesk
from server.billing.history.overview import OverviewDesk
from server.billing.history.transactions import TransactionDesk
from server.billing.history.watching import BalanceWatch
from server.interceptors.principal import current_principal
from tollgate.v1 import history_pb2 as pb


class HistoryDesks(NamedTuple):
    """Who answers."""

    overview: OverviewDesk
    transactions: TransactionDesk
    exports: ExportDesk
    watch: BalanceWatch
    examples: ExampleDesk


class HistoryMethods:
    """A part of BillingService."""

    _history: HistoryDesks

    async def GetMonthSummary(
        self, request: pb.GetMonthSummaryRequest, context: Any
    ) -> pb.GetMonthSummaryResponse:
        current_principal().require(request.tenant_id)
        return await self._history.overview.month(request)

    async def ListDailySpend(
        self, request: pb.ListDailySpendRequest, context: Any
    ) -> pb.ListDailySpendResponse:
        current_principal().require(request.tenant_id)
        return await self._history.overview.daily_spend(request)

    async def ListTransactions(
        self, request: pb.ListTransactionsRequest, context: Any
    ) -> pb.ListTransactionsResponse:
        current_principal().require(request.tenant_id)
        return await self._history.transactions.list(request)

    async def ListRefusals(
        self, request: pb.ListRefusalsRequest, context: Any
    ) -> pb.ListRefusalsResponse:
        current_principal().require(request.tenant_id)
        return await self._history.transactions.refusals(request)

    async def ExportHistory(
        self, request: pb.ExportHistoryRequest, context: Any
    ) -> AsyncIterator[pb.ExportHistoryResponse]:
        current_principal().require(request.tenant_id)
        async with aclosing(self._history.exports.export(request)) as pieces:
            async for piece in pieces:
                yield piece

    async def WatchBalance(
        self, request: pb.WatchBalanceRequest, context: Any
    ) -> AsyncIterator[pb.WatchBalanceResponse]:
        current_principal().require(request.tenant_id)
        async with aclosing(self._history.watch.watch(request)) as seen:
            async for balance in seen:
                yield balance

    async def SeedExample(
        self, request: pb.SeedExampleRequest, context: Any
    ) -> pb.SeedExampleResponse:
        current_principal().require(request.tenant_id)
        return await self._history.examples.seed(request)
