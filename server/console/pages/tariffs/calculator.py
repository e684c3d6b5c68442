"""What a call costs: by what its tariff expects, or by quantities that somebody types."""

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

from starlette.responses import Response

from ledger.pricing.meter import ANALYTICS_REPORTS
from server.console.asking import Declined
from server.console.failing import words_of
from server.console.pages.tariffs.choosing import chosen
from server.console.visit import Visit
from tollgate.v1 import billing_pb2 as pb
from tollgate.v1 import common_pb2
from tollgate.v1 import quotes_pb2 as quotes

MINUTES = "3"
MINUTE_MS = 60_000
OWN = "own"
_DECIMAL = re.compile(r"[0-9]{1,9}(?:[.,][0-9]{1,3})?")


class Quote(NamedTuple):
    """What was asked, and what it comes to; a problem instead when it cannot be told."""

    model: str
    minutes: str
    analytics: bool
    own: bool
    typed: Mapping[str, str]
    reply: quotes.QuoteCallResponse | None
    problem: str


async def quote(visit: Visit) -> Response:
    """The result alone, as somebody types."""
    tariff = (await chosen(visit)).tariff
    return visit.page("tariffs/quote.html", quote=await quoted(visit, tariff), tariff=tariff)


async def quoted(visit: Visit, tariff: pb.Tariff) -> Quote:
    """The answer to what the address asks."""
    query = visit.query
    models = [model.model for model in tariff.models]
    model = query["model"] if query.get("model") in models else models[-1]
    own = query.get("usage") == OWN
    minutes = query.get("minutes", MINUTES).strip()
    analytics = "analytics" in query or "minutes" not in query
    typed = {meter: query.get(f"q-{meter}", "") for meter in meters_of(tariff)}
    asked = _request(visit, tariff, model, analytics)
    reply, problem = None, ""
    try:
        asked.elapsed_ms = _quantity(minutes, MINUTE_MS)
        if own:
            asked.usage.CopyFrom(common_pb2.Usage(quantities=_usage(tariff, model, typed)))
        reply = await visit.ask("QuoteCall", asked)
    except ValueError:
        problem = visit.words("tariffs.calculator.not_a_number")
    except Declined as declined:
        problem = words_of(visit, declined)
    return Quote(model, minutes, analytics, own, typed, reply, problem)


async def expected(visit: Visit, tariff: pb.Tariff, model: str, minutes: str) -> dict[str, str]:
    """What the tariff expects of such a call, as somebody would type it."""
    asked = _request(visit, tariff, model, False)
    asked.elapsed_ms = _quantity(minutes, MINUTE_MS)
    reply = await visit.ask("QuoteCall", asked)
    return {each.meter: _typed(visit, each.meter, each.quantity) for each in reply.meters}


def meters_of(tariff: pb.Tariff) -> Sequence[str]:
    """The meters of a tariff's models that are typed, each once."""
    meters = (price for model in tariff.models for price in model.meters)
    return list(dict.fromkeys(price.meter for price in meters if price.meter != ANALYTICS_REPORTS))


def _request(
    visit: Visit, tariff: pb.Tariff, model: str, analytics: bool
) -> quotes.QuoteCallRequest:
    # A tenant's own key asks its own tariff alone.
    return quotes.QuoteCallRequest(
        tenant_id="" if visit.is_administrator else visit.tenant_id,
        tariff=tariff.name if visit.is_administrator else "",
        version=tariff.version,
        model=model,
        analytics=analytics,
    )


def _usage(tariff: pb.Tariff, model: str, typed: Mapping[str, str]) -> dict[str, int]:
    (prices,) = (each for each in tariff.models if each.model == model)
    priced = {price.meter for price in prices.meters}
    return {
        meter: _quantity(text, MINUTE_MS if meter.endswith("_ms") else 1)
        for meter, text in typed.items()
        if text.strip() and meter in priced
    }


def _quantity(text: str, unit: int) -> int:
    """The quantity that a number of units stands for. Raises ValueError."""
    plain = re.sub(r"[\s\u00a0\u202f]", "", text)
    if not _DECIMAL.fullmatch(plain):
        raise ValueError(text)
    return int(Decimal(plain.replace(",", ".")) * unit)


def _typed(visit: Visit, meter: str, quantity: int) -> str:
    if not meter.endswith("_ms"):
        return str(quantity)
    minutes = f"{Decimal(quantity) / MINUTE_MS:.3f}".rstrip("0").rstrip(".")
    return minutes.replace(".", ",") if visit.words.language == "ru" else minutes
