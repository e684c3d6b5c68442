"""The settings of payments, a part of the server's settings."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, SecretStr, model_validator
from pydantic_settings import BaseSettings

from server.payments.provider import ROBOKASSA, STRIPE

NEEDED = {
    STRIPE: ("stripe_secret_key", "stripe_webhook_secret"),
    ROBOKASSA: ("robokassa_login", "robokassa_password1", "robokassa_password2"),
}


def blank_is_none(value: Any) -> Any:
    """An empty variable is an unset one."""
    return None if value == "" else value


Secret = Annotated[SecretStr | None, BeforeValidator(blank_is_none)]
Text = Annotated[str | None, BeforeValidator(blank_is_none)]
Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
OwnCurrency = Annotated[Currency | None, BeforeValidator(blank_is_none)]
Url = Annotated[str, Field(pattern=r"^https?://[^\s]+$")]
OwnUrl = Annotated[Url | None, BeforeValidator(blank_is_none)]


class PaymentSettings(BaseSettings):
    """Who takes payments, in which currency, and how their webhooks are believed."""

    top_up_min_micros: int = Field(
        1_000_000, ge=1, le=10**12, description="The least that may be topped up at once."
    )
    top_up_max_micros: int = Field(
        10_000_000_000, ge=1, le=10**12, description="The most that may be topped up at once."
    )
    payment_return_url: OwnUrl = Field(
        None,
        description="Where Stripe sends the payer back to; it proves no payment. Unset: the "
        "top-up's page in the console, which shows the payment as it comes.",
    )
    manual_currency: OwnCurrency = Field(
        None, description="What manual top-ups are paid in; unset: the tenant's own currency."
    )
    stripe_secret_key: Secret = Field(
        None, description="Stripe's API key, sk_live_… or sk_test_…; unset: no Stripe."
    )
    stripe_webhook_secret: Secret = Field(
        None, description="The signing secret, whsec_…, of the endpoint /webhooks/stripe."
    )
    stripe_currency: Currency = Field("USD", description="What Stripe's payers pay in.")
    stripe_account: Text = Field(
        None, description="The connected account whose events are taken; unset: the own account's."
    )
    stripe_api_base: Url = Field(
        "https://api.stripe.com", description="Where Stripe is; another one for tests."
    )
    robokassa_login: Text = Field(None, description="The shop's login; unset: no Robokassa.")
    robokassa_password1: Secret = Field(None, description="The shop's first password: pay links.")
    robokassa_password2: Secret = Field(
        None, description="The shop's second password: what comes to /webhooks/robokassa."
    )
    robokassa_hash: Literal["md5", "sha1", "sha256", "sha384", "sha512"] = Field(
        "md5", description="The hash that is set in the shop."
    )
    robokassa_test: bool = Field(
        False, description="Whether the passwords are the shop's test ones: no money moves."
    )
    robokassa_pay_url: Url = Field(
        "https://auth.robokassa.ru/Merchant/Index.aspx", description="Where Robokassa's payers pay."
    )

    @model_validator(mode="after")
    def _providers_are_whole(self) -> Self:
        lacking = missing_settings(self)
        halves = [name for name, unset in lacking.items() if len(unset) < len(NEEDED[name])]
        if halves:
            raise ValueError(
                "\n".join(
                    f"{name} is set up in part: set {', '.join(lacking[name])} too, or none of it"
                    for name in halves
                )
            )
        return self


def missing_settings(settings: PaymentSettings) -> Mapping[str, Sequence[str]]:
    """The variables that are unset, by provider; without those that lack nothing."""
    lacking = {
        provider: [f"TOLLGATE_{name.upper()}" for name in names if not getattr(settings, name)]
        for provider, names in NEEDED.items()
    }
    return {provider: names for provider, names in lacking.items() if names}
