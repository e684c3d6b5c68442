"""Keys: what each scope may do, and that no key reaches another tenant or learns of it.

The cases are made from the descriptors of the services, so that a new method is tested too.
"""

from collections.abc import Iterator
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest
from google.protobuf.descriptor import Descriptor, MethodDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from server.billing.tenants import TENANTS_OWN
from server.interceptors.permissions import ALLOWED
from server.interceptors.principal import TENANT
from tests.integration.api.client import SERVICES, Told, told
from tests.integration.api.conftest import Install
from tests.integration.api.gateway import Gateway
from tests.integration.api.installation import Installation, fresh_id
from tests.integration.api.stream import stream
from tests.unit.documents.samples import COMPANY, SELLER
from tollgate.v1 import billing_pb2 as billing
from tollgate.v1 import call_authorization_pb2 as pb
from tollgate.v1 import history_pb2 as history
from tollgate.v1 import notifications_pb2 as notifications
from tollgate.v1 import organisations_pb2 as pb_documents
from tollgate.v1 import payments_pb2 as payments

SETTINGS = {f"seller_{name}": value for name, value in asdict(SELLER).items()}
DENIED = Told(grpc.StatusCode.PERMISSION_DENIED, "PERMISSION_DENIED")
ALL_METHODS: list[MethodDescriptor] = [m for service in SERVICES for m in service.methods]
# A stream of the client's names a tenant in every operation: OPERATIONS below.
METHODS = [method for method in ALL_METHODS if not method.client_streaming]


def tenant_paths(message: Descriptor) -> Iterator[tuple[str, ...]]:
    """Where a request names its tenant."""
    for field in message.fields:
        if field.name == "tenant_id":
            yield (field.name,)
        elif field.name == "tenant":
            yield (field.name, "tenant_id")


OF_A_TENANT = [method for method in METHODS if any(tenant_paths(method.input_type))]
OF_ALL = [
    method
    for method in METHODS
    if not any(tenant_paths(method.input_type)) and method.name != "ListTariffs"
]


def operations(message: Descriptor) -> Iterator[Descriptor]:
    """The requests that a stream's message carries, however deep."""
    for field in message.fields:
        if field.message_type is not None and any(tenant_paths(field.message_type)):
            yield field.message_type
        elif field.message_type is not None:
            yield from operations(field.message_type)


STREAMS = [method for method in ALL_METHODS if method.client_streaming]
OPERATIONS = [asked for method in STREAMS for asked in operations(method.input_type)]


def request_for(method: MethodDescriptor, tenant_id: str) -> Any:
    """An empty request that names the tenant."""
    return naming_tenant(method.input_type, tenant_id)


def naming_tenant(asked: Descriptor, tenant_id: str) -> Any:
    """An empty message that names the tenant."""
    request: Message = GetMessageClass(asked)()
    for path in tenant_paths(asked):
        inner = request
        for name in path[:-1]:
            inner = getattr(inner, name)
        setattr(inner, path[-1], tenant_id)
    return request


def name_of(method: MethodDescriptor) -> str:
    return str(method.name)


def test_every_method_is_listed_with_the_roles_that_may_call_it() -> None:
    names = {f"{method.containing_service.full_name}/{method.name}" for method in ALL_METHODS}
    assert names <= ALLOWED.keys()


@pytest.mark.parametrize("method", OF_A_TENANT, ids=name_of)
async def test_a_bound_key_neither_reaches_another_tenant_nor_learns_whether_it_exists(
    installation: Installation, method: MethodDescriptor
) -> None:
    for tenant_id in ("acme", "globex"):
        await installation.tenant(tenant_id, balance=1_000)
    before = await installation.balance("globex")
    for scopes in ([], ["gateway"], ["admin"]):
        client = await installation.client("tenant:acme", *scopes)
        there = await client.error(request_for(method, "globex"))
        nowhere = await client.error(request_for(method, "no-such-tenant"))
        assert told(there) == told(nowhere) == DENIED, scopes
        assert there.details() == nowhere.details()
        assert "globex" not in str(there.trailing_metadata())
    assert await installation.balance("globex") == before


@pytest.mark.parametrize("asked", OPERATIONS, ids=lambda asked: str(asked.name))
async def test_no_operation_of_a_stream_reaches_another_tenant(
    installation: Installation, asked: Descriptor
) -> None:
    for tenant_id in ("acme", "globex"):
        await installation.tenant(tenant_id, balance=1_000)
    before = await installation.balance("globex")
    for scopes in (["gateway"], ["admin"]):
        key = await installation.key("tenant:acme", *scopes)
        async with stream(installation.channel, key.api_key) as session:
            names = ("globex", "no-such-tenant")
            requests = [naming_tenant(asked, tenant_id) for tenant_id in names]
            there, nowhere = await session.ask(*requests)
        assert there.error.code == grpc.StatusCode.PERMISSION_DENIED.value[0], scopes
        assert there.error == nowhere.error
        assert "globex" not in str(there)
    assert await installation.balance("globex") == before


def test_every_stream_of_the_client_is_tested_by_its_operations() -> None:
    assert [method.name for method in STREAMS] == ["Session"]
    assert len(OPERATIONS) == 3


async def test_a_bound_administrator_does_nothing_that_is_for_all_tenants(
    installation: Installation,
) -> None:
    client = await installation.client("tenant:acme", "admin")
    for method in OF_ALL:
        assert await client.told(request_for(method, "")) == DENIED, method.name


async def test_a_bound_audit_is_of_the_own_tenant_only(installation: Installation) -> None:
    await installation.tenant("acme", balance=1_000)
    client = await installation.client("tenant:acme", "admin")
    assert await client.told(billing.AuditRequest()) == DENIED
    assert (await client(billing.AuditRequest(tenant_id="acme"))).tenants == 1


async def test_a_bound_gateway_works_for_its_own_tenant(installation: Installation) -> None:
    await installation.tenant("acme", balance=100_000)
    gateway = Gateway(await installation.client("gateway", "tenant:acme"))
    await gateway.accepted()
    await gateway.charge("c1", 10)
    await gateway.posted("c1", 20)


async def test_a_gateway_key_administers_nothing(installation: Installation) -> None:
    await installation.tenant("acme", balance=100_000)
    client = await installation.client("gateway")
    billing_methods = [m for m in METHODS if m.containing_service.name == "BillingService"]
    for method in billing_methods:
        assert await client.told(request_for(method, "acme")) == DENIED, method.name


async def test_a_tenants_own_key_moves_no_money_and_does_not_decide_what_it_may_owe(
    installation: Installation,
) -> None:
    await installation.tenant("acme", balance=100_000)
    gateway = Gateway(installation.admin)
    await gateway.accepted()
    client = await installation.client("tenant:acme")
    await client(billing.GetBalanceRequest(tenant_id="acme"))
    await client(billing.GetTenantRequest(tenant_id="acme"))
    await client(billing.ListCallsRequest(tenant_id="acme"))
    await client(pb.GetCallRequest(tenant_id="acme", call_id="c1"))
    for request in (
        gateway.authorization("c2"),
        gateway.report("c1", 10),
        gateway.settlement("c1", 10),
        billing.AdjustBalanceRequest(
            request_id="r", tenant_id="acme", amount_micros=5, reason="mine"
        ),
        limiting("limits.credit_limit_micros", credit_limit_micros=5),
        limiting("limits", daily_cap_micros=5),
        limiting("suspended"),
        limiting("limits.daily_cap_micros", "tariff"),
    ):
        assert await client.told(request) == DENIED


def limiting(*paths: str, **limits: int) -> billing.UpdateTenantRequest:
    tenant = billing.Tenant(tenant_id="acme", tariff="clock", limits=billing.Limits(**limits))
    request = billing.UpdateTenantRequest(request_id=fresh_id(), tenant=tenant)
    request.update_mask.paths.extend(paths)
    return request


async def test_a_tenants_own_key_sets_the_limits_that_protect_it(
    installation: Installation,
) -> None:
    await installation.tenant("acme", balance=100_000)
    client = await installation.client("tenant:acme")
    for name in TENANTS_OWN:
        changed = await client(limiting(name, **{name.removeprefix("limits."): 7_000}))
        assert getattr(changed.tenant.limits, name.removeprefix("limits.")) == 7_000
    assert (await installation.balance("acme")).daily_cap_micros == 7_000


async def test_every_key_that_is_made_is_taken(installation: Installation) -> None:
    for _ in range(10):
        client = await installation.client("gateway")
        unknown = await client.told(pb.GetCallRequest(tenant_id="acme", call_id="c1"))
        assert unknown.reason == "CALL_UNKNOWN"


async def test_a_revoked_key_is_refused_when_it_is_looked_up_again(
    installation: Installation,
) -> None:
    made = await installation.key("gateway")
    request = billing.RevokeApiKeyRequest(request_id="r", key_id=made.key.key_id)
    await installation.admin(request)
    client = installation.holder(made.api_key)
    refused = await client.told(pb.GetCallRequest(tenant_id="acme", call_id="c1"))
    assert refused == Told(grpc.StatusCode.UNAUTHENTICATED, "UNAUTHENTICATED")


async def test_a_wrong_secret_is_refused_like_an_unknown_key(installation: Installation) -> None:
    made = await installation.key("gateway")
    request = pb.GetCallRequest(tenant_id="acme", call_id="c1")
    key_id = made.api_key.split("_")[1]
    wrong = await installation.holder(f"tg_{key_id}_{'x' * 64}").error(request)
    unknown = await installation.holder(f"tg_ffff_{'x' * 64}").error(request)
    assert told(wrong) == told(unknown)
    assert wrong.details() == unknown.details()


async def test_two_tenants_calls_of_one_id_are_two_calls(installation: Installation) -> None:
    for tenant_id in ("acme", "globex"):
        await installation.tenant(tenant_id, balance=100_000)
    ours, theirs = Gateway(installation.admin, "acme"), Gateway(installation.admin, "globex")
    await ours.accepted()
    await theirs.accepted(caller="+7999")
    await ours.charge("c1", 10)
    assert (await theirs.call()).charged_micros == 0
    assert (await installation.balance("globex")).balance_micros == 100_000


THESE_DAYS = {
    "first_day": (datetime.now(UTC) - timedelta(days=2)).date().isoformat(),
    "last_day": (datetime.now(UTC) + timedelta(days=2)).date().isoformat(),
}
# What each method of a tenant's own key is asked in the test below; a new method needs its own.
LOOKS: dict[str, dict[str, Any]] = {
    "GetTenant": {},
    "GetBalance": {},
    "ListTariffs": {},
    "QuoteCall": {"model": "clock", "elapsed_ms": 60_000},
    "ListCalls": {},
    "GetCall": {"call_id": "ours"},
    "ListActiveCalls": {},
    "EndCall": {"call_id": "ours"},
    "GetMonthSummary": {},
    "ListDailySpend": THESE_DAYS,
    "ListTransactions": {},
    "ListRefusals": THESE_DAYS,
    "ExportHistory": {"table": history.EXPORT_TABLE_CALLS},
    "WatchBalance": {},
    "CreateOrganisation": {"request_id": "r1", "organisation": {**asdict(COMPANY), "name": "ours"}},
    "GetOrganisation": {},
    "ListOrganisations": {},
    "UpdateOrganisation": {
        "request_id": "r2",
        "organisation": {"name": "still ours"},
        "update_mask": {"paths": ["name"]},
    },
    "ArchiveOrganisation": {"request_id": "r3"},
    "SetPayer": {"request_id": "r4"},
    "GetDocument": {},
    "ListDocuments": {},
    "DownloadDocument": {},
    "SendDocument": {"request_id": "r11"},
    "GetTopUpOptions": {},
    "CreateTopUp": {"request_id": "r5", "credit_amount_micros": 10_000_000},
    "GetTopUp": {},
    "ListTopUps": {},
    "UpdateTenant": {
        "request_id": "r6",
        "tenant": {"limits": {"daily_cap_micros": 5_000_000}},
        "update_mask": {"paths": ["limits.daily_cap_micros"]},
    },
    "GetNotificationSettings": {},
    "UpdateNotificationSettings": {
        "request_id": "r7",
        "settings": {"telegram_chat_id": "123"},
        "update_mask": {"paths": ["telegram_chat_id"]},
    },
    "RotateWebhookSecret": {"request_id": "r8"},
    "SendTestNotification": {"request_id": "r9"},
    "ListNotifications": {},
    "RetryNotification": {"request_id": "r10"},
    "CreateConsoleLink": {"request_id": "r20"},
}
FOR_TENANTS = [
    method
    for method in ALL_METHODS
    if TENANT in ALLOWED[f"{method.containing_service.full_name}/{method.name}"]
]


@pytest.mark.parametrize("method", FOR_TENANTS, ids=name_of)
async def test_what_a_tenant_is_shown_of_itself_holds_nothing_of_another(
    install: Install, method: MethodDescriptor
) -> None:
    """Both have of everything; the other's is marked. Naming the other's is naming nothing."""
    async with install(**SETTINGS) as installation:
        await shows_its_own(installation, method)


async def belongings(installation: Installation, tenant_id: str, mark: str) -> dict[str, str]:
    """Ids of an organisation, a document, a top-up and a dead notification."""
    requisites = pb_documents.Organisation(**asdict(replace(COMPANY, name=mark)))
    made = await installation.admin(
        pb_documents.CreateOrganisationRequest(
            request_id=fresh_id(), tenant_id=tenant_id, organisation=requisites
        )
    )
    organisation_id = made.organisation.organisation_id
    issued = await installation.admin(
        pb_documents.IssueInvoiceRequest(
            request_id=fresh_id(),
            tenant_id=tenant_id,
            organisation_id=organisation_id,
            pay_amount_kopecks=100,
        )
    )
    begun = await installation.admin(
        payments.CreateTopUpRequest(
            request_id=fresh_id(),
            tenant_id=tenant_id,
            organisation_id=organisation_id,
            credit_amount_micros=10_000_000,
        )
    )
    settings = notifications.NotificationSettings(emails=[f"{mark}@example.com"])
    update = notifications.UpdateNotificationSettingsRequest(
        request_id=fresh_id(), tenant_id=tenant_id, settings=settings
    )
    update.update_mask.paths.append("emails")
    await installation.admin(update)
    sent = await installation.admin(
        notifications.SendTestNotificationRequest(request_id=fresh_id(), tenant_id=tenant_id)
    )
    await installation.ledger("UPDATE notifications SET state = 'dead'")
    return {
        "notification_id": sent.notifications[0].notification_id,
        "organisation_id": organisation_id,
        "document_id": issued.document.document_id,
        "top_up_id": begun.top_up.top_up_id,
    }


def naming(request: Any, ids: dict[str, str]) -> bool:
    """Names things in a request; whether there was one to name."""
    named = False
    for message in (request, getattr(request, "organisation", None)):
        for name, value in ids.items():
            creates = request.DESCRIPTOR.name == "CreateOrganisationRequest"
            if message is not None and name in message.DESCRIPTOR.fields_by_name and not creates:
                setattr(message, name, value)
                named = True
    return named


async def shows_its_own(installation: Installation, method: MethodDescriptor) -> None:
    things = {}
    for tenant_id, mark in (("acme", "ours"), ("globex", "theirs")):
        await installation.tenant(tenant_id, balance=100_000)
        gateway = Gateway(installation.admin, tenant_id)
        for call_id in (mark, f"{mark}-settled"):
            await gateway.accepted(call_id, caller=mark, assistant_id=mark)
        await gateway.posted(f"{mark}-settled", 10, caller=mark, assistant_id=mark)
        await gateway.refused(f"{mark}-refused", model="gpt-9", assistant_id=mark)
        things[mark] = await belongings(installation, tenant_id, mark)
    await installation.parts.refusals.flush()
    client = await installation.client("tenant:acme", "numbers")
    request = request_for(method, "acme")
    request.MergeFrom(type(request)(**LOOKS[method.name]))
    if naming(request, things["theirs"]):
        there = await client.error(request)
        naming(request, dict.fromkeys(things["theirs"], "none"))
        nowhere = await client.error(request)
        assert there.code() is grpc.StatusCode.NOT_FOUND
        assert (told(there), there.details()) == (told(nowhere), nowhere.details())
    naming(request, things["ours"])
    if method.name == "WatchBalance":
        reply = await client.stream(request).read()
    else:
        reply = await client(request)
    for foreign in ("theirs", "globex", *things["theirs"].values()):
        assert foreign not in str(reply)
