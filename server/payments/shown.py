"""Top-ups and exchange rates as clients see them."""

from ledger.payments.exchange_rates import SetRate
from ledger.payments.facts import State
from ledger.payments.rate import Rate
from ledger.payments.top_up import Quote, TopUp
from server.payments.provider import (
    ANY,
    BANK_CARD,
    BANK_TRANSFER,
    MANUAL,
    ROBOKASSA,
    SBP,
    STRIPE,
    Provider,
)
from tollgate.v1 import payments_pb2 as pb

PROVIDERS = {
    pb.PAYMENT_PROVIDER_UNSPECIFIED: "",
    pb.PAYMENT_PROVIDER_MANUAL: MANUAL,
    pb.PAYMENT_PROVIDER_STRIPE: STRIPE,
    pb.PAYMENT_PROVIDER_ROBOKASSA: ROBOKASSA,
}
METHODS = {
    pb.PAYMENT_METHOD_UNSPECIFIED: ANY,
    pb.PAYMENT_METHOD_BANK_CARD: BANK_CARD,
    pb.PAYMENT_METHOD_BANK_TRANSFER: BANK_TRANSFER,
    pb.PAYMENT_METHOD_SBP: SBP,
}
STATES = {
    State.PENDING: pb.TOP_UP_STATE_PENDING,
    State.SUCCEEDED: pb.TOP_UP_STATE_SUCCEEDED,
    State.FAILED: pb.TOP_UP_STATE_FAILED,
    State.EXPIRED: pb.TOP_UP_STATE_EXPIRED,
    State.REFUNDED: pb.TOP_UP_STATE_REFUNDED,
    State.DISPUTED: pb.TOP_UP_STATE_DISPUTED,
}
_PROVIDER_NUMBERS = {name: number for number, name in PROVIDERS.items()}
_METHOD_NUMBERS = {name: number for number, name in METHODS.items()}


def shown(top_up: TopUp) -> pb.TopUp:
    """The top-up as clients see it."""
    message = pb.TopUp(
        top_up_id=top_up.id,
        number=top_up.number,
        tenant_id=top_up.tenant,
        provider=_PROVIDER_NUMBERS[top_up.provider],
        method=_METHOD_NUMBERS[top_up.method],
        organisation_id=top_up.organisation_id,
        state=STATES[top_up.state],
        credit_amount_micros=top_up.credit_micros,
        currency=top_up.currency,
        pay_amount_minor=top_up.pay_minor,
        pay_currency=top_up.pay_currency,
        page_url=top_up.page_url,
        returned_micros=top_up.returned_micros,
    )
    if top_up.rate.day is not None:
        message.exchange_rate.CopyFrom(_rate(top_up.currency, top_up.pay_currency, top_up.rate))
    message.created_at.FromDatetime(top_up.created_at)
    if top_up.paid_at is not None:
        message.paid_at.FromDatetime(top_up.paid_at)
    return message


def shown_option(currency: str, provider: Provider, quote: Quote) -> pb.TopUpOption:
    """A way to pay as clients see it."""
    message = pb.TopUpOption(
        provider=_PROVIDER_NUMBERS[provider.name],
        methods=sorted(_METHOD_NUMBERS[name] for name in provider.methods - {ANY}),
        pay_currency=quote.pay_currency,
        pay_amount_minor=quote.pay_minor,
    )
    if quote.rate is not None and quote.rate.day is not None:
        message.exchange_rate.CopyFrom(_rate(currency, quote.pay_currency, quote.rate))
    return message


def shown_rate(known: SetRate) -> pb.ExchangeRate:
    """The rate as clients see it."""
    message = _rate(known.base, known.quote, known.rate)
    if known.set_at is not None:
        message.set_at.FromDatetime(known.set_at)
    return message


def _rate(base: str, quote: str, rate: Rate) -> pb.ExchangeRate:
    day = "" if rate.day is None else rate.day.isoformat()
    return pb.ExchangeRate(base_currency=base, quote_currency=quote, rate=str(rate), day=day)
