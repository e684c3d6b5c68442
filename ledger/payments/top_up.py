"""A top-up and what is told of it, as values without I/O."""

from datetime import datetime
from typing import NamedTuple

from ledger.payments.facts import Facts, State
from ledger.payments.rate import Rate


class NewTopUp(NamedTuple):
    """What a top-up is created with. An empty `pay_currency` is the tenant's own."""

    tenant: str
    provider: str
    method: str
    organisation_id: str
    credit_micros: int
    pay_currency: str


class Quote(NamedTuple):
    """What a credit would cost now: the rate, None when none is set, and the minor units of
    `pay_currency`, None without a rate or an amount.
    """

    pay_currency: str
    rate: Rate | None
    pay_minor: int | None


class TopUp(NamedTuple):
    """A payment that a tenant was asked for, and what became of it.

    `credit_micros` (of the tenant's `currency`), `pay_minor` (minor units of `pay_currency`) and
    the rate between them are pinned when it is created. `number` is for providers that want an
    invoice number. `returned_micros` is what was taken back of the credit, or will be.
    """

    id: str
    number: int
    tenant: str
    provider: str
    method: str
    organisation_id: str
    currency: str
    credit_micros: int
    pay_currency: str
    pay_minor: int
    rate: Rate
    created_at: datetime
    page_url: str
    provider_ref: str
    payment_ref: str
    facts: Facts
    state: State
    returned_micros: int
    paid_at: datetime | None


class Notice(NamedTuple):
    """One event of a provider. It names its top-up by the first of `top_up`, `number` and
    `payment_ref` that is not empty.

    `pay_minor` and `pay_currency` are compared with what is pinned, where the event tells them;
    `provider_ref` and `payment_ref` are kept, and compared with what was kept.
    """

    event_id: str
    kind: str
    facts: Facts
    top_up: str = ""
    number: int = 0
    payment_ref: str = ""
    provider_ref: str = ""
    pay_minor: int | None = None
    pay_currency: str = ""


class Recorded(NamedTuple):
    """What an event did: the top-up after it, the tenant's version to be applied (0 for none), the
    return to be moved (0 for none), and whether the event was new.
    """

    top_up: TopUp
    version: int
    return_id: int
    is_new: bool


class Return(NamedTuple):
    """A forced return: up to `amount_micros` of what is there, the rest is owed."""

    id: int
    tenant: str
    provider: str
    amount_micros: int


TOP_UP_PREFIX = "top_up/"
RETURN_PREFIX = "return/"


def top_up_request(top_up_id: str) -> str:
    """Names the credit of a top-up, and its row in the history."""
    return f"{TOP_UP_PREFIX}{top_up_id}"


def return_request(return_id: int) -> str:
    """Names the debit of a return; no client can choose a request id with a slash."""
    return f"{RETURN_PREFIX}{return_id}"


def return_id_of(request_id: str) -> int | None:
    """The return that a debit belongs to; None for any other."""
    number = request_id.removeprefix(RETURN_PREFIX)
    return int(number) if number != request_id and number.isdecimal() else None
