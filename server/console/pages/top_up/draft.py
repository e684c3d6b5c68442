"""What somebody has chosen in the form so far, and what it would cost."""

import secrets
from collections.abc import Sequence
from typing import NamedTuple

from server.console import typed
from server.console.access.forgery import text_of
from server.console.asking import Declined
from server.console.visit import Visit
from tollgate.v1 import payments_pb2 as pb

QUICK = ("10", "25", "50", "100")
OTHER = "other"
FIRST_CHOICE = "25"
AMOUNT = "credit_amount_micros"


class Draft(NamedTuple):
    """The fields of the form as they were sent. `request_id` names the one top-up it can make."""

    request_id: str
    choice: str
    other: str
    way: str
    organisation_id: str

    @property
    def amount(self) -> str:
        """The amount as it was typed or chosen."""
        return self.other if self.choice == OTHER else self.choice


class Way(NamedTuple):
    """One way to pay: a provider and a method."""

    option: pb.TopUpOption
    method: "pb.PaymentMethod.ValueType"

    @property
    def value(self) -> str:
        """Names it in the form."""
        return f"{self.option.provider}.{self.method}"


class Offer(NamedTuple):
    """What the draft comes to. `problem` is what is wrong with its amount."""

    options: pb.GetTopUpOptionsResponse
    micros: int
    problem: str
    ways: Sequence[Way]
    way: Way


def new_draft(visit: Visit) -> Draft:
    """A form that nobody has filled in; the address may propose an amount."""
    amount = visit.query.get("amount", "")
    choice = amount if amount in QUICK else OTHER if amount else FIRST_CHOICE
    other = amount if choice == OTHER else ""
    return Draft(secrets.token_hex(16), choice, other, "", "")


def sent_draft(visit: Visit) -> Draft:
    """The form that was sent."""
    names = ("request_id", "amount", "other", "way", "organisation_id")
    return Draft(*(text_of(visit.form, name) for name in names))


async def offer_of(visit: Visit, draft: Draft) -> Offer:
    """Asks the service what the amount costs; an amount that cannot be is told in the offer."""
    read = typed.money(draft.amount, visit.words.language)
    micros, problem = read.value or 0, read.problem
    if read.value == 0:
        problem = "AMOUNT_OUT_OF_RANGE"
    try:
        options = await _options(visit, micros)
    except Declined as declined:
        if AMOUNT not in [each.field for each in declined.violations]:
            raise
        options, problem = await _options(visit, 0), "AMOUNT_OUT_OF_RANGE"
    ways = [Way(option, method) for option in options.options for method in option.methods]
    chosen = [way for way in ways if way.value == draft.way]
    words = _words_of(visit, options, problem) if problem else ""
    return Offer(options, micros, words, ways, (chosen or ways)[0])


async def _options(visit: Visit, micros: int) -> pb.GetTopUpOptionsResponse:
    request = pb.GetTopUpOptionsRequest(tenant_id=visit.tenant_id, credit_amount_micros=micros)
    reply: pb.GetTopUpOptionsResponse = await visit.ask("GetTopUpOptions", request)
    return reply


def _words_of(visit: Visit, options: pb.GetTopUpOptionsResponse, problem: str) -> str:
    if problem != "AMOUNT_OUT_OF_RANGE":
        return visit.words(f"fields.{problem}")
    least, most = (
        visit.formats.money(each) for each in (options.least_micros, options.most_micros)
    )
    return visit.words("top-up.amount.bounds", least=least, most=most)
