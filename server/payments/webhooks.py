"""What payment providers post to us: believed only when signed, and answered with exact codes.

| code | when |
|---|---|
| 200 | it was taken note of, now or before, or it tells nothing of a top-up that is known |
| 400 | it is not signed, too old, from the future, or cannot be read |
| 403 | it is signed, but of another mode or account: test money on a live installation |
| 404 | there is no such top-up, or the provider is not set up |
| 409 | the amount, the currency or the payment is another than what was asked for |
| 413 | it is longer than 256 KiB |
| 503 | the ledger is away; the provider comes again |

Everything but 200 and 503 changes nothing, and is an alarm.
"""

import time
from collections.abc import Awaitable, Callable
from typing import NamedTuple

import structlog
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from ledger.errors import LedgerUnavailable, NotAllowed, PaymentMismatch, UnknownTopUp
from ledger.payments.top_up import Notice, Recorded
from server.metrics import ALARMS, WEBHOOKS
from server.payments import robokassa, stripe_events, stripe_signature
from server.payments.cashier import Cashier
from server.payments.provider import ROBOKASSA, STRIPE

MAX_BODY = 256 * 1024
KEPT = "kept until its payment is known"

log = structlog.get_logger(__name__)


class Refused(Exception):
    """The message is turned away: the HTTP status, and why in one word."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status, self.why = status, why


class StripeEndpoint(NamedTuple):
    """What events of Stripe are held against; an empty account is the own one."""

    secret: str
    livemode: bool
    account: str


class Webhooks:
    """The endpoints; one that is not set up answers 404."""

    def __init__(
        self,
        cashier: Cashier,
        stripe: StripeEndpoint | None = None,
        shop: robokassa.Shop | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._cashier, self._stripe, self._shop, self._clock = cashier, stripe, shop, clock

    def routes(self) -> list[Route]:
        """The routes for the HTTP side."""
        return [
            Route("/webhooks/stripe", _guarded(STRIPE, self._from_stripe), methods=["POST"]),
            Route(
                "/webhooks/robokassa", _guarded(ROBOKASSA, self._from_robokassa), methods=["POST"]
            ),
        ]

    async def _from_stripe(self, request: Request) -> str:
        if self._stripe is None:
            raise Refused(404, "not_set_up")
        body = await _body(request)
        headers = request.headers.getlist("stripe-signature")
        if len(headers) != 1:
            raise Refused(400, "header")
        try:
            stripe_signature.verify(headers[0], body, self._stripe.secret, self._clock())
            event = stripe_events.parse(body)
        except (stripe_signature.NotSigned, stripe_events.Malformed) as error:
            raise Refused(400, _word(error)) from error
        if event.livemode != self._stripe.livemode:
            raise Refused(403, "mode")
        if event.account != self._stripe.account:
            raise Refused(403, "account")
        if event.notice is None or await self._take(STRIPE, event.notice):
            return "ok"
        return KEPT

    async def _from_robokassa(self, request: Request) -> str:
        if self._shop is None:
            raise Refused(404, "not_set_up")
        try:
            result = robokassa.read_result(await _body(request), self._shop)
        except robokassa.NotSigned as error:
            raise Refused(400, _word(error)) from error
        if result.is_test and not self._shop.is_test:
            raise Refused(403, "mode")
        await self._take(ROBOKASSA, result.notice())
        return f"OK{result.number}"

    async def _take(self, provider: str, notice: Notice) -> Recorded | None:
        try:
            return await self._cashier.take(provider, notice)
        except UnknownTopUp as error:
            raise Refused(404, "unknown_top_up") from error
        except PaymentMismatch as error:
            raise Refused(409, error.what) from error
        except NotAllowed as error:
            raise Refused(409, "not_creditable") from error


def _guarded(
    provider: str, answer: Callable[[Request], Awaitable[str]]
) -> Callable[[Request], Awaitable[Response]]:
    """The endpoint with its answers as responses, counted and logged without any content."""

    async def endpoint(request: Request) -> Response:
        try:
            text = await answer(request)
        except LedgerUnavailable:
            WEBHOOKS.labels(provider, "ledger_away").inc()
            return PlainTextResponse("the ledger is away, come again", status_code=503)
        except Refused as refused:
            WEBHOOKS.labels(provider, refused.why).inc()
            ALARMS.labels(f"webhook_{refused.why}").inc()
            log.error("webhook is refused", provider=provider, why=refused.why)
            return PlainTextResponse(refused.why, status_code=refused.status)
        WEBHOOKS.labels(provider, "kept" if text is KEPT else "taken").inc()
        return PlainTextResponse(text)

    return endpoint


def _word(error: Exception) -> str:
    return str(error).replace(" ", "_").replace(".", "_")


async def _body(request: Request) -> bytes:
    """The raw body, which is what is signed. Raises Refused before it grows too long."""
    parts: list[bytes] = []
    length = 0
    try:
        async for part in request.stream():
            length += len(part)
            if length > MAX_BODY:
                raise Refused(413, "too_long")
            parts.append(part)
    except ClientDisconnect as error:
        raise Refused(400, "cut_off") from error
    return b"".join(parts)
