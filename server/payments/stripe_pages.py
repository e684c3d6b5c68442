"""Stripe Checkout: one session for one top-up, through the official library."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import structlog

from ledger.payments.top_up import TopUp
from server.errors import FailedPrecondition, ProviderUnavailable
from server.payments.provider import ANY, BANK_CARD, BANK_TRANSFER, STRIPE, Page

if TYPE_CHECKING:
    from stripe import StripeError

TIMEOUT_S = 4.0
# Stripe's bank debits are the bank transfers that need no further agreement with a customer.
BANK_DEBITS = {"USD": "us_bank_account", "EUR": "sepa_debit", "GBP": "bacs_debit"}

log = structlog.get_logger(__name__)


class StripePages:
    """Opens Checkout sessions. The library is loaded when Stripe is set up, not before."""

    name = STRIPE

    def __init__(
        self, secret_key: str, currency: str, api_base: str, return_url: Callable[[TopUp], str]
    ) -> None:
        import stripe

        self._stripe = stripe
        # Nothing but the payment is anybody's business, and what failed is told by us.
        stripe.enable_telemetry = False
        self._http = stripe.HTTPXClient(timeout=TIMEOUT_S)
        self._client = stripe.StripeClient(
            secret_key,
            base_addresses={"api": api_base},
            http_client=self._http,
            max_network_retries=0,
        )
        self.currency, self._return_url = currency, return_url
        self._types = {BANK_CARD: "card"}
        if currency in BANK_DEBITS:
            self._types[BANK_TRANSFER] = BANK_DEBITS[currency]
        self.methods = frozenset({ANY, *self._types})

    async def page(self, top_up: TopUp) -> Page:
        """The page of a session. Its idempotency key is the top-up's id, so a request that is
        repeated after a lost reply opens no second session.
        """
        try:
            session = await self._client.v1.checkout.sessions.create_async(
                self._params(top_up), {"idempotency_key": top_up.id}
            )
        except self._stripe.StripeError as error:
            raise self._failure(error) from error
        if not session.url:
            raise ProviderUnavailable(STRIPE)
        return Page(session.url, session.id)

    def _params(self, top_up: TopUp) -> Any:
        marked = {"top_up_id": top_up.id, "tenant_id": top_up.tenant}
        product = {"name": f"Top-up {top_up.number}"}
        price = {
            "currency": top_up.pay_currency.lower(),
            "unit_amount": top_up.pay_minor,
            "product_data": product,
        }
        params: dict[str, Any] = {
            "mode": "payment",
            "client_reference_id": top_up.id,
            "line_items": [{"quantity": 1, "price_data": price}],
            "metadata": marked,
            # The charge inherits it, so that a refund can be told before the session is.
            "payment_intent_data": {"metadata": marked},
            # The amount is compared in the currency that was asked for.
            "adaptive_pricing": {"enabled": False},
            "success_url": self._return_url(top_up),
            "cancel_url": self._return_url(top_up),
        }
        if top_up.method != ANY:
            params["allowed_payment_method_types"] = [self._types[top_up.method]]
        return params

    def _failure(self, error: "StripeError") -> Exception:
        told = (self._stripe.APIConnectionError, self._stripe.RateLimitError, self._stripe.APIError)
        log.warning(
            "stripe failed", kind=type(error).__name__, status=error.http_status, code=error.code
        )
        if isinstance(error, told):
            return ProviderUnavailable(STRIPE)
        return FailedPrecondition(
            "PROVIDER_REFUSED",
            "Stripe refused to open a page: look at TOLLGATE_STRIPE_SECRET_KEY and at the "
            "payment methods and currencies of the account",
            {"provider": STRIPE},
        )

    async def close(self) -> None:
        """Closes the library's connections."""
        await self._http.close_async()
