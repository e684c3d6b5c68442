"""An installation whose webhooks are reached over HTTP, and whose providers are set up."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import httpx
from pydantic import SecretStr

from server.http import application, http_server
from server.sockets import address_of, reserve
from tests.integration.api.installation import Installation, fresh_id
from tests.integration.payments.fake_stripe import FakeStripe
from tests.integration.payments.messages import SHOP, STRIPE_SECRET, packed, stripe_header
from tollgate.v1 import payments_pb2 as pb

TEN_DOLLARS = 10_000_000
RATE = "92.4567"

Install = Callable[..., AbstractAsyncContextManager[Installation]]


class Office:
    """Where money comes in: an installation, a fake Stripe, and a way to post webhooks."""

    def __init__(self, installation: Installation, stripe: FakeStripe, web: httpx.AsyncClient):
        self.installation, self.stripe, self.web = installation, stripe, web
        self.admin = installation.admin

    async def top_up(
        self,
        provider: "pb.PaymentProvider.ValueType" = pb.PAYMENT_PROVIDER_STRIPE,
        micros: int = TEN_DOLLARS,
        **fields: Any,
    ) -> pb.TopUp:
        """A new top-up of the tenant acme."""
        asked = {"request_id": fresh_id(), "tenant_id": "acme"} | fields
        request = pb.CreateTopUpRequest(provider=provider, credit_amount_micros=micros, **asked)
        made: pb.TopUp = (await self.admin(request)).top_up
        return made

    async def look(self, top_up: pb.TopUp) -> pb.TopUp:
        """The top-up as it is now."""
        asked = pb.GetTopUpRequest(tenant_id=top_up.tenant_id, top_up_id=top_up.top_up_id)
        found: pb.TopUp = (await self.admin(asked)).top_up
        return found

    async def tell(self, message: dict[str, Any], secret: str = STRIPE_SECRET) -> int:
        """The status that a signed event of Stripe is answered with."""
        body = packed(message)
        return (await self.post(body, stripe_header(body, secret))).status_code

    async def post(self, body: bytes, header: str) -> httpx.Response:
        """Posts to Stripe's endpoint."""
        headers = {"stripe-signature": header}
        return await self.web.post("/webhooks/stripe", content=body, headers=headers)

    async def robokassa(self, body: bytes) -> httpx.Response:
        """Posts to Robokassa's endpoint."""
        return await self.web.post("/webhooks/robokassa", content=body)

    async def balance(self) -> int:
        """The live balance of acme."""
        return (await self.installation.balance()).balance_micros

    async def owed(self) -> int:
        """What acme owes."""
        reply = await self.admin(pb.ListTopUpsRequest(tenant_id="acme"))
        return int(reply.owed_micros)

    async def postings(self) -> list[tuple[str, int]]:
        """Kinds and amounts of what is posted for acme, in order."""
        rows = await self.installation.parts._pool.fetch(
            "SELECT kind, amount_micros FROM postings WHERE tenant = 'acme' ORDER BY id"
        )
        return [(row["kind"], row["amount_micros"]) for row in rows]


@asynccontextmanager
async def opened(install: Install, **changes: Any) -> AsyncIterator[Office]:
    """An office with the tenant acme and a rate for roubles."""
    stripe = FakeStripe()
    async with stripe.serve() as api_base:
        settings = {
            "stripe_secret_key": SecretStr("sk_test_secret"),
            "stripe_webhook_secret": SecretStr(STRIPE_SECRET),
            "stripe_api_base": api_base,
            "robokassa_login": SHOP["login"],
            "robokassa_password1": SecretStr(SHOP["password1"]),
            "robokassa_password2": SecretStr(SHOP["password2"]),
        } | changes
        async with install(**settings) as installation, _reached(installation) as web:
            office = Office(installation, stripe, web)
            await installation.tenant("acme")
            rate = pb.ExchangeRate(
                base_currency="USD", quote_currency="RUB", rate=RATE, day="2020-01-01"
            )
            await office.admin(pb.SetExchangeRateRequest(request_id=fresh_id(), exchange_rate=rate))
            yield office


@asynccontextmanager
async def _reached(installation: Installation) -> AsyncIterator[httpx.AsyncClient]:
    parts = installation.parts
    with reserve("127.0.0.1:0") as listening:
        async with (
            http_server(
                application(parts.health, routes=parts.payments.webhooks.routes()), listening
            ),
            httpx.AsyncClient(base_url=f"http://{address_of(listening)}", timeout=10) as web,
        ):
            yield web
