"""The page: prices of one version, the calculator, and what only administrators see."""

from typing import Any

from starlette.responses import Response

from server.console.pages.tariffs.calculator import MINUTES, expected, quoted
from server.console.pages.tariffs.choosing import chosen
from server.console.pages.tariffs.rates import NO_RATE, Typed, known_rates
from server.console.request_ids import new_request_id
from server.console.visit import Visit


async def show(visit: Visit) -> Response:
    """The whole page."""
    return await page(visit)


async def page(visit: Visit, status: int = 200, rate: Typed = NO_RATE) -> Response:
    """The page; `rate` is what was typed of an exchange rate that was not taken."""
    choice = await chosen(visit)
    quote = await quoted(visit, choice.tariff)
    values: dict[str, Any] = {
        "tariff": choice.tariff,
        "versions": choice.versions,
        "names": choice.names,
        "quote": quote,
        "expected": await expected(visit, choice.tariff, quote.model, MINUTES),
        "rates": await known_rates(visit),
        "rate": rate,
        "request_id": new_request_id(),
    }
    return visit.page("tariffs/page.html", status, **values)
