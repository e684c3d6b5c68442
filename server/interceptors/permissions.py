"""Which roles may call which method. A method that is not listed is denied."""

from collections.abc import Mapping

from server.interceptors.principal import ADMIN, GATEWAY, TENANT

Roles = frozenset[str]

_GATEWAYS: Roles = frozenset({GATEWAY, ADMIN})
_EVERYBODY: Roles = frozenset({GATEWAY, ADMIN, TENANT})
_ADMINS: Roles = frozenset({ADMIN})
_OWNERS: Roles = frozenset({ADMIN, TENANT})

# Services that answer without a key, as their standards expect.
OPEN_SERVICES = frozenset(
    {
        "grpc.health.v1.Health",
        "grpc.reflection.v1.ServerReflection",
        "grpc.reflection.v1alpha.ServerReflection",
    }
)


def _service(service: str, methods: Mapping[str, Roles]) -> dict[str, Roles]:
    return {f"{service}/{method}": roles for method, roles in methods.items()}


ALLOWED: Mapping[str, Roles] = {
    **_service(
        "tollgate.v1.CallAuthorizationService",
        {
            "Authorize": _GATEWAYS,
            "Charge": _GATEWAYS,
            "Settle": _GATEWAYS,
            "Session": _GATEWAYS,
            "GetCall": _EVERYBODY,
            "ListActiveCalls": _EVERYBODY,
            "EndCall": _EVERYBODY,
        },
    ),
    **_service(
        "tollgate.v1.BillingService",
        {
            "CreateTenant": _ADMINS,
            "GetTenant": _OWNERS,
            "ListTenants": _ADMINS,
            "UpdateTenant": _OWNERS,
            "GetBalance": _OWNERS,
            "AdjustBalance": _ADMINS,
            "PutTariff": _ADMINS,
            "ListTariffs": _OWNERS,
            "QuoteCall": _OWNERS,
            "ListCalls": _OWNERS,
            "CreateApiKey": _ADMINS,
            "ListApiKeys": _ADMINS,
            "RevokeApiKey": _ADMINS,
            "Audit": _ADMINS,
            "GetServiceState": _ADMINS,
            "CreateOrganisation": _OWNERS,
            "GetOrganisation": _OWNERS,
            "ListOrganisations": _OWNERS,
            "UpdateOrganisation": _OWNERS,
            "ArchiveOrganisation": _OWNERS,
            "SetPayer": _OWNERS,
            "IssueInvoice": _ADMINS,
            "IssueAct": _ADMINS,
            "GetDocument": _OWNERS,
            "ListDocuments": _OWNERS,
            "DownloadDocument": _OWNERS,
            "SendDocument": _OWNERS,
            "GetMonthSummary": _OWNERS,
            "ListDailySpend": _OWNERS,
            "ListTransactions": _OWNERS,
            "ListRefusals": _OWNERS,
            "ExportHistory": _OWNERS,
            "WatchBalance": _OWNERS,
            "SeedExample": _ADMINS,
            "GetTopUpOptions": _OWNERS,
            "CreateTopUp": _OWNERS,
            "GetTopUp": _OWNERS,
            "ListTopUps": _OWNERS,
            "ConfirmTopUp": _ADMINS,
            "RefundTopUp": _ADMINS,
            "SetExchangeRate": _ADMINS,
            "ListExchangeRates": _ADMINS,
            "GetNotificationSettings": _OWNERS,
            "UpdateNotificationSettings": _OWNERS,
            "RotateWebhookSecret": _OWNERS,
            "SendTestNotification": _OWNERS,
            "ListNotifications": _OWNERS,
            "RetryNotification": _OWNERS,
            "CreateConsoleLink": _OWNERS,
        },
    ),
    **_service(
        "grpc.channelz.v1.Channelz",
        {
            "GetTopChannels": _ADMINS,
            "GetServers": _ADMINS,
            "GetServer": _ADMINS,
            "GetServerSockets": _ADMINS,
            "GetChannel": _ADMINS,
            "GetSubchannel": _ADMINS,
            "GetSocket": _ADMINS,
        },
    ),
}
