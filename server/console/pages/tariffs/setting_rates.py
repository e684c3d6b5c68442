"""An exchange rate that an administrator sets from a day on."""

from typing import Any

from starlette.responses import Response

from server.console.access.forgery import text_of
from server.console.asking import Declined
from server.console.failing import field_errors
from server.console.pages.tariffs.rates import Typed
from server.console.pages.tariffs.show import page
from server.console.visit import Visit
from tollgate.v1 import payments_pb2 as pb

FIELDS = ("base_currency", "quote_currency", "rate", "day")


async def set_rate(visit: Visit) -> Response:
    """Sets a rate, or shows the page again with what is wrong."""
    typed = {name: text_of(visit.form, name) for name in FIELDS}
    asked: dict[str, Any] = typed | {
        "base_currency": typed["base_currency"].upper(),
        "quote_currency": typed["quote_currency"].upper(),
        "rate": typed["rate"].replace(",", "."),
    }
    request = pb.SetExchangeRateRequest(
        request_id=text_of(visit.form, "request_id"), exchange_rate=pb.ExchangeRate(**asked)
    )
    try:
        await visit.ask("SetExchangeRate", request)
    except Declined as declined:
        problems = field_errors(visit, declined)
        if not problems:
            raise
        named = {field.removeprefix("exchange_rate."): text for field, text in problems.items()}
        return await page(visit, 422, Typed(typed, named))
    return visit.see_other(visit.link("tariffs") + "#rates")
