"""Tenants with money and a gateway's key, made over the API as an administrator would."""

import asyncio
import secrets
from collections.abc import Sequence
from typing import Any, NamedTuple

import grpc

from benchmarks.rig import messages
from benchmarks.rig.service import Service
from tollgate.v1 import billing_pb2, billing_pb2_grpc, call_authorization_pb2_grpc
from tollgate.v1 import call_authorization_pb2 as pb

CREDIT_MICROS = 10**11
TIMEOUT_S = 10.0
CREATORS = 16


class Customers(NamedTuple):
    """Tenants on the standard tariff, and the key that may speak for all of them."""

    tenants: Sequence[str]
    gateway_key: str


async def create_customers(service: Service, count: int) -> Customers:
    """Create tenants, give each money, and create the key."""
    metadata = (("authorization", f"Bearer {service.admin_key}"),)
    async with grpc.aio.insecure_channel(service.address) as channel:
        stub = billing_pb2_grpc.BillingServiceStub(channel)
        tenants = [f"tenant-{number:05}" for number in range(count)]
        waiting = iter(tenants)

        async def create() -> None:
            for tenant_id in waiting:
                await _create_tenant(stub, tenant_id, metadata)

        async with asyncio.TaskGroup() as group:
            for _ in range(CREATORS):
                group.create_task(create())
        key = await stub.CreateApiKey(
            billing_pb2.CreateApiKeyRequest(
                request_id="gateway-key", name="benchmark", scopes=["gateway"]
            ),
            metadata=metadata,
            timeout=TIMEOUT_S,
        )
    return Customers(tenants, key.api_key)


async def _create_tenant(stub: Any, tenant_id: str, metadata: Any) -> None:
    await stub.CreateTenant(
        billing_pb2.CreateTenantRequest(
            request_id=f"create-{tenant_id}",
            tenant=billing_pb2.Tenant(
                tenant_id=tenant_id, name=tenant_id, currency="USD", tariff="standard"
            ),
        ),
        metadata=metadata,
        timeout=TIMEOUT_S,
    )
    await stub.AdjustBalance(
        billing_pb2.AdjustBalanceRequest(
            request_id=f"credit-{tenant_id}",
            tenant_id=tenant_id,
            amount_micros=CREDIT_MICROS,
            reason="benchmark",
        ),
        metadata=metadata,
        timeout=TIMEOUT_S,
    )


async def open_call(service: Service, customers: Customers) -> pb.ChargeRequest:
    """Open a call, charge it once, and return that charge: its repeats are heartbeats."""
    tenant_id, call_id = customers.tenants[0], f"open-{secrets.token_hex(6)}"
    metadata = (("authorization", f"Bearer {customers.gateway_key}"),)
    request = messages.charge(tenant_id, call_id, 1)
    async with grpc.aio.insecure_channel(service.address) as channel:
        stub = call_authorization_pb2_grpc.CallAuthorizationServiceStub(channel)
        opened = await stub.Authorize(
            messages.authorize(tenant_id, call_id), metadata=metadata, timeout=TIMEOUT_S
        )
        assert opened.decision == pb.DECISION_ACCEPTED, opened
        charged = await stub.Charge(request, metadata=metadata, timeout=TIMEOUT_S)
        assert charged.directive == pb.DIRECTIVE_CONTINUE, charged
    return request
