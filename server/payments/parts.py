"""The parts of payments, put together from the settings and the stores."""

from collections.abc import Callable

from pydantic import SecretStr

from ledger.payments.exchange_rates import ExchangeRates
from ledger.payments.top_up import TopUp
from ledger.payments.top_ups import TopUps
from ledger.pool import Pool
from quota.store import QuotaStore
from server.background.applying import ChangeApplier
from server.billing.pending_debits import PendingDebits
from server.payments.cashier import Cashier
from server.payments.desk import TopUpDesk
from server.payments.provider import ROBOKASSA, STRIPE, Manual, Provider, Providers
from server.payments.rates import RateDesk
from server.payments.returning import Returner
from server.payments.robokassa import RobokassaPages, Shop
from server.payments.settings import PaymentSettings, missing_settings
from server.payments.stripe_pages import StripePages
from server.payments.webhooks import StripeEndpoint, Webhooks

LIVE_KEYS = ("sk_live_", "rk_live_")


class Payments:
    """Desks, webhooks and background work of payments."""

    def __init__(
        self,
        settings: PaymentSettings,
        pool: Pool,
        store: QuotaStore,
        applier: ChangeApplier,
        console_origin: str,
    ) -> None:
        self._settings = settings
        self.top_ups = TopUps(pool)
        self.exchange_rates = ExchangeRates(pool)
        self.rates = RateDesk(self.exchange_rates)
        self.returner = Returner(store, applier, self.top_ups)
        self.cashier = Cashier(self.top_ups, applier, self.returner)
        self.providers = providers(settings, console_origin)
        shop = _shop(settings)
        self.webhooks = Webhooks(self.cashier, _endpoint(settings), shop)

    def desk(self, debits: PendingDebits) -> TopUpDesk:
        """What answers requests about top-ups."""
        bounds = (self._settings.top_up_min_micros, self._settings.top_up_max_micros)
        return TopUpDesk(self.top_ups, self.cashier, self.providers, debits, bounds)

    async def close(self) -> None:
        """Closes connections to providers."""
        await self.providers.close()


def providers(settings: PaymentSettings, console_origin: str) -> Providers:
    """The providers whose settings are there."""
    missing = missing_settings(settings)
    set_up: list[Provider] = [Manual(settings.manual_currency or "")]
    if STRIPE not in missing:
        set_up.append(
            StripePages(
                _plain(settings.stripe_secret_key),
                settings.stripe_currency,
                settings.stripe_api_base,
                _way_back(settings.payment_return_url, console_origin),
            )
        )
    shop = _shop(settings)
    if shop is not None:
        set_up.append(RobokassaPages(shop, settings.robokassa_pay_url))
    return Providers(set_up, missing)


def _way_back(url: str | None, console_origin: str) -> Callable[[TopUp], str]:
    """Where a payer goes after the provider's page."""
    if url is not None:
        return lambda _top_up: url
    return lambda top_up: f"{console_origin}/console/t/{top_up.tenant}/top-up/{top_up.id}?back=1"


def _endpoint(settings: PaymentSettings) -> StripeEndpoint | None:
    if STRIPE in missing_settings(settings):
        return None
    return StripeEndpoint(
        _plain(settings.stripe_webhook_secret),
        _plain(settings.stripe_secret_key).startswith(LIVE_KEYS),
        settings.stripe_account or "",
    )


def _shop(settings: PaymentSettings) -> Shop | None:
    if ROBOKASSA in missing_settings(settings):
        return None
    return Shop(
        settings.robokassa_login or "",
        _plain(settings.robokassa_password1),
        _plain(settings.robokassa_password2),
        settings.robokassa_hash,
        settings.robokassa_test,
    )


def _plain(secret: SecretStr | None) -> str:
    assert secret is not None, "settings that are missing were told before"
    return secret.get_secret_value()
