"""BillingService over gRPC: checks the key's reach and hands on to the desks."""

from typing import Any

from server.background.auditing import Auditor
from server.billing.balance import BalanceDesk
from server.billing.calls import SettledCallDesk
from server.billing.console_links import ConsoleLinkDesk
from server.billing.document_methods import DocumentMethods
from server.billing.documents import DocumentDesk
from server.billing.form import Form
from server.billing.history.service import HistoryDesks, HistoryMethods
from server.billing.keys import KeyDesk
from server.billing.organisations import OrganisationDesk
from server.billing.quotes import QuoteDesk
from server.billing.state import StateDesk
from server.billing.tariffs import TariffDesk
from server.billing.tenants import TenantDesk
from server.interceptors.principal import TENANT, current_principal
from server.notifications.desk import NotificationDesk
from server.notifications.methods import NotificationMethods
from server.payments.desk import TopUpDesk
from server.payments.methods import PaymentMethods
from server.payments.rates import RateDesk
from tollgate.v1 import billing_pb2 as pb
from tollgate.v1 import billing_pb2_grpc as pb_grpc
from tollgate.v1 import console_pb2, quotes_pb2, state_pb2

OPERATORS_REPAIR_LIMIT_MICROS = 10**15


class BillingService(
    DocumentMethods,
    HistoryMethods,
    NotificationMethods,
    PaymentMethods,
    pb_grpc.BillingServiceServicer,
):
    """Translates; decides nothing."""

    def __init__(
        self,
        tenants: TenantDesk,
        balances: BalanceDesk,
        tariffs: TariffDesk,
        calls: SettledCallDesk,
        keys: KeyDesk,
        auditor: Auditor,
        organisations: OrganisationDesk,
        documents: DocumentDesk,
        history: HistoryDesks,
        top_ups: TopUpDesk,
        rates: RateDesk,
        notifications: NotificationDesk,
        console_links: ConsoleLinkDesk,
        quotes: QuoteDesk,
        state: StateDesk,
    ) -> None:
        DocumentMethods.__init__(self, organisations, documents)
        self._tenants, self._balances, self._tariffs = tenants, balances, tariffs
        self._calls, self._keys, self._auditor = calls, keys, auditor
        self._history = history
        self._top_ups, self._rates = top_ups, rates
        self._notifications = notifications
        self._console_links = console_links
        self._quotes, self._state = quotes, state

    async def CreateTenant(
        self, request: pb.CreateTenantRequest, context: Any
    ) -> pb.CreateTenantResponse:
        current_principal().require(request.tenant.tenant_id)
        return await self._tenants.create(request)

    async def GetTenant(self, request: pb.GetTenantRequest, context: Any) -> pb.GetTenantResponse:
        current_principal().require(request.tenant_id)
        return await self._tenants.get(request)

    async def ListTenants(
        self, request: pb.ListTenantsRequest, context: Any
    ) -> pb.ListTenantsResponse:
        current_principal().require_all()
        return await self._tenants.list(request)

    async def UpdateTenant(
        self, request: pb.UpdateTenantRequest, context: Any
    ) -> pb.UpdateTenantResponse:
        principal = current_principal()
        principal.require(request.tenant.tenant_id)
        return await self._tenants.update(request, by_tenant=principal.role == TENANT)

    async def GetBalance(
        self, request: pb.GetBalanceRequest, context: Any
    ) -> pb.GetBalanceResponse:
        current_principal().require(request.tenant_id)
        return await self._balances.get(request)

    async def AdjustBalance(
        self, request: pb.AdjustBalanceRequest, context: Any
    ) -> pb.AdjustBalanceResponse:
        current_principal().require(request.tenant_id)
        return await self._balances.adjust(request)

    async def PutTariff(self, request: pb.PutTariffRequest, context: Any) -> pb.PutTariffResponse:
        current_principal().require_all()
        return await self._tariffs.put(request)

    async def ListTariffs(
        self, request: pb.ListTariffsRequest, context: Any
    ) -> pb.ListTariffsResponse:
        return await self._tariffs.list(request, current_principal().tenants)

    async def QuoteCall(
        self, request: quotes_pb2.QuoteCallRequest, context: Any
    ) -> quotes_pb2.QuoteCallResponse:
        if request.tenant_id:
            current_principal().require(request.tenant_id)
        else:
            current_principal().require_all()
        return await self._quotes.quote(request)

    async def ListCalls(self, request: pb.ListCallsRequest, context: Any) -> pb.ListCallsResponse:
        current_principal().require(request.tenant_id)
        return await self._calls.list(request)

    async def CreateApiKey(
        self, request: pb.CreateApiKeyRequest, context: Any
    ) -> pb.CreateApiKeyResponse:
        current_principal().require_all()
        return await self._keys.create(request)

    async def ListApiKeys(
        self, request: pb.ListApiKeysRequest, context: Any
    ) -> pb.ListApiKeysResponse:
        current_principal().require_all()
        return await self._keys.list(request)

    async def RevokeApiKey(
        self, request: pb.RevokeApiKeyRequest, context: Any
    ) -> pb.RevokeApiKeyResponse:
        current_principal().require_all()
        return await self._keys.revoke(request)

    async def CreateConsoleLink(
        self, request: console_pb2.CreateConsoleLinkRequest, context: Any
    ) -> console_pb2.CreateConsoleLinkResponse:
        if request.tenant_id:
            current_principal().require(request.tenant_id)
        return await self._console_links.create(request)

    async def Audit(self, request: pb.AuditRequest, context: Any) -> pb.AuditResponse:
        if request.tenant_id:
            current_principal().require(request.tenant_id)
            form = Form()
            form.id("tenant_id", request.tenant_id)
            form.done()
        else:
            current_principal().require_all()
        limit = OPERATORS_REPAIR_LIMIT_MICROS if request.repair else 0
        findings = await self._auditor.audit(request.tenant_id, repair_up_to=limit)
        return pb.AuditResponse(
            tenants=findings.tenants,
            differences=[
                pb.AuditDifference(**difference._asdict()) for difference in findings.differences
            ],
            unbalanced_micros=findings.unbalanced_micros,
            outbox_depth=findings.outbox_depth,
            set_aside=findings.set_aside,
            asides=[pb.SetAside(**aside._asdict()) for aside in findings.asides],
        )

    async def GetServiceState(
        self, request: state_pb2.GetServiceStateRequest, context: Any
    ) -> state_pb2.GetServiceStateResponse:
        current_principal().require_all()
        return await self._state.get(request)
