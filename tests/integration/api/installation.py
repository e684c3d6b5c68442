"""A whole worker in the test's process, on real stores, reached over gRPC."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import grpc
from redis.asyncio import Redis

from server.app import Parts, _ValidKeys, concerns
from server.background.ending import end_tasks
from server.background.owning import Job
from server.grpc_server import Service, grpc_server
from server.interceptors.chain import Chain
from server.interceptors.key_ring import KeyRing
from server.interceptors.overload import Limiter
from server.interceptors.principal import ADMIN
from server.preparing import prepare
from server.settings import Settings, load
from server.sockets import address_of, reserve
from server.telemetry import telemetry
from tests.integration.api.client import Client
from tollgate.v1 import billing_pb2 as billing
from tollgate.v1 import common_pb2

ADMIN_KEY = "tg_admin_" + "a" * 32
MODEL = "clock"
# One second of a call on the test's tariff, in micros: one micro per millisecond.
SECOND = 1_000
PATIENCE_S = 10.0
# What a tenant has beside its limits.
TENANT_FIELDS = {"currency", "time_zone", "suspended", "tariff"}


class Installation:
    """One worker: what is asked over `admin`, and the parts behind it."""

    def __init__(
        self,
        parts: Parts,
        settings: Settings,
        services: Sequence[Service],
        ring: KeyRing,
        address: str,
        channel: grpc.aio.Channel,
        stack: AsyncExitStack,
        client: type[Client] = Client,
    ) -> None:
        self.parts, self.address = parts, address
        self.settings, self.services, self.ring = settings, services, ring
        self.channel, self._stack = channel, stack
        self._client = client
        self.admin = self.holder(ADMIN_KEY)

    async def client(self, *scopes: str) -> Client:
        """A client whose key has the scopes."""
        return self.holder((await self.key(*scopes)).api_key)

    async def key(self, *scopes: str) -> billing.CreateApiKeyResponse:
        """A new key with the scopes."""
        reply: billing.CreateApiKeyResponse = await self.admin(
            billing.CreateApiKeyRequest(request_id=fresh_id(), name="a test's", scopes=scopes)
        )
        return reply

    def holder(self, api_key: str) -> Client:
        """A client with a key that exists."""
        client = self._client(self.channel, api_key)
        self._stack.push_async_callback(client.close)
        return client

    async def tenant(
        self, tenant_id: str = "acme", *, balance: int = 0, tariff: str = "clock", **fields: Any
    ) -> str:
        """Creates a tenant that is priced by the clock; `fields` are the tenant's, or limits."""
        own = {name: fields.pop(name) for name in list(fields) if name in TENANT_FIELDS}
        tenant = billing.Tenant(
            tenant_id=tenant_id,
            name=tenant_id.title(),
            tariff=tariff,
            limits=billing.Limits(**fields),
            **own,
        )
        await self.admin(billing.CreateTenantRequest(request_id=fresh_id(), tenant=tenant))
        if balance:
            await self.adjust(tenant_id, balance)
        return tenant_id

    async def update(self, tenant_id: str, *paths: str, **fields: Any) -> billing.Tenant:
        """Changes what is given; `paths` names limits to remove, too."""
        own = {name: fields.pop(name) for name in list(fields) if name in TENANT_FIELDS}
        tenant = billing.Tenant(tenant_id=tenant_id, limits=billing.Limits(**fields), **own)
        request = billing.UpdateTenantRequest(request_id=fresh_id(), tenant=tenant)
        request.update_mask.paths.extend([*own, *(f"limits.{name}" for name in fields), *paths])
        changed: billing.Tenant = (await self.admin(request)).tenant
        return changed

    async def adjust(
        self, tenant_id: str, amount: int, request_id: str = ""
    ) -> billing.AdjustBalanceResponse:
        """Credits, or debits a negative amount."""
        reply: billing.AdjustBalanceResponse = await self.admin(
            billing.AdjustBalanceRequest(
                request_id=request_id or fresh_id(),
                tenant_id=tenant_id,
                amount_micros=amount,
                reason="by hand",
            )
        )
        return reply

    async def balance(self, tenant_id: str = "acme") -> billing.GetBalanceResponse:
        """The live balance."""
        reply: billing.GetBalanceResponse = await self.admin(
            billing.GetBalanceRequest(tenant_id=tenant_id)
        )
        return reply

    async def audit(self, tenant_id: str = "") -> billing.AuditResponse:
        """What an audit finds."""
        reply: billing.AuditResponse = await self.admin(billing.AuditRequest(tenant_id=tenant_id))
        return reply

    async def settled_down(self) -> billing.AuditResponse:
        """Waits until the outbox is empty; asserts that live store and ledger agree then."""

        async def drained() -> bool:
            return (await self.audit()).outbox_depth == 0

        await eventually(drained)
        found = await self.audit()
        assert not found.differences
        assert (found.unbalanced_micros, found.set_aside) == (0, 0)
        return found

    async def ledger(self, statement: str, *arguments: Any) -> Any:
        """The first value that a statement finds in the ledger."""
        return await self.parts._pool.fetchval(statement, *arguments)

    @asynccontextmanager
    async def redis(self) -> AsyncIterator[Redis]:
        """A client of the live store, to look and to tamper behind the server's back."""
        client = await self.parts.readers[0]._topology.client(0)
        try:
            yield client
        finally:
            await client.aclose()

    async def lose_everything(self) -> None:
        """Empties the live store."""
        async with self.redis() as client:
            await client.flushdb()

    def beside(self, job: Job) -> asyncio.Task[None]:
        """Runs a job until the installation closes."""
        task = asyncio.ensure_future(_run(job))

        async def end() -> None:
            await end_tasks([task])
            if not task.cancelled() and (error := task.exception()):
                raise error  # what it died of fails the test

        self._stack.push_async_callback(end)
        return task


async def _run(job: Job) -> None:
    await job()


@asynccontextmanager
async def installed(
    redis_url: str,
    postgres_dsn: str,
    *,
    posts: bool = True,
    client: type[Client] = Client,
    **changes: Any,
) -> AsyncIterator[Installation]:
    """A worker; `changes` are settings, unchecked. Without `posts` nothing reaches the ledger
    until a test says so. The sweeper and the audit run only when a test does it by hand.
    """
    base = load(
        redis_url=redis_url,
        postgres_dsn=postgres_dsn,
        bootstrap_admin_key=ADMIN_KEY,
    )
    settings = base.model_copy(update=changes)
    await prepare(settings, postgres_dsn)
    async with AsyncExitStack() as stack:
        told = await stack.enter_async_context(telemetry("test"))
        parts = await Parts.open(settings, stack)
        ring = KeyRing(_ValidKeys(parts.keys))
        stack.push_async_callback(ring.close)
        ring.pin(ADMIN_KEY, (ADMIN,))
        held = reserve("127.0.0.1:0")
        stack.callback(held.close)
        listen = address_of(held)
        services = parts.services(told)
        chain = Chain(concerns(settings, told, ring, Limiter(settings.max_in_flight)))
        await stack.enter_async_context(
            grpc_server(
                listen,
                services,
                chain,
                reflected=True,
                drain=parts.sessions.drain,
                drain_s=0,
            )
        )
        channel = await stack.enter_async_context(grpc.aio.insecure_channel(listen))
        installation = Installation(parts, settings, services, ring, listen, channel, stack, client)
        for pusher in parts.pushers:
            installation.beside(pusher.run)
        if posts:
            for poster in parts.posters:
                installation.beside(poster.run)
        await installation.admin(
            billing.PutTariffRequest(request_id="clock-1", tariff=clock_tariff())
        )
        yield installation


def clock_tariff(
    name: str = "clock",
    *,
    rate: str = "0.06",
    fee: str = "0.002",
    currency: str = "USD",
    **fields: Any,
) -> billing.Tariff:
    """A tariff that bills telephony only; at $0.06 a minute a millisecond costs one micro."""
    free = {
        "llm_input_tokens": billing.RATE_UNIT_PER_1K,
        "llm_cached_tokens": billing.RATE_UNIT_PER_1K,
        "llm_output_tokens": billing.RATE_UNIT_PER_1K,
        "stt_ms": billing.RATE_UNIT_PER_MINUTE,
        "tts_ms": billing.RATE_UNIT_PER_MINUTE,
    }
    meters = [billing.MeterPrice(meter=meter, rate="0", unit=unit) for meter, unit in free.items()]
    telephony = billing.MeterPrice(
        meter="telephony_ms",
        rate=rate,
        unit=billing.RATE_UNIT_PER_MINUTE,
        expected_per_minute=60_000,
    )
    analytics = billing.MeterPrice(
        meter="analytics_reports", rate=fee, unit=billing.RATE_UNIT_PER_CALL
    )
    model = billing.ModelPrices(model=MODEL, meters=[*meters, telephony, analytics])
    return billing.Tariff(name=name, currency=currency, models=[model], **fields)


def usage(seconds: float) -> common_pb2.Usage:
    """What so many seconds of a call report; meters of which there is nothing are left out."""
    return common_pb2.Usage(quantities={"telephony_ms": int(seconds * 1000)} if seconds else {})


def fresh_id() -> str:
    """A request id that nobody has used."""
    return secrets.token_hex(8)


async def eventually(holds: Callable[[], Awaitable[bool]], patience_s: float = PATIENCE_S) -> None:
    """Waits until a condition holds; fails when it does not within the patience."""
    ends_at = time.monotonic() + patience_s
    while not await holds():
        assert time.monotonic() < ends_at, f"{holds} did not come true"
        await asyncio.sleep(0.01)
