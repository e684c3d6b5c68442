"""Exchange rates over the API."""

from datetime import UTC, date, datetime

from ledger.errors import RateMalformed
from ledger.payments.exchange_rates import ExchangeRates, SetRate
from ledger.payments.rate import Rate
from server.billing.form import CURRENCY, Form
from server.errors import InvalidFields, Violation
from server.paging import page_size, position, token
from server.payments.shown import shown_rate
from tollgate.v1 import payments_pb2 as pb

MAX_OFFSET = 10**9


class RateDesk:
    """Answers what administrators ask of exchange rates."""

    def __init__(self, rates: ExchangeRates) -> None:
        self._rates = rates

    async def set(self, request: pb.SetExchangeRateRequest) -> pb.SetExchangeRateResponse:
        """Sets a rate from a day on."""
        asked, form = request.exchange_rate, Form()
        form.id("request_id", request.request_id)
        for name in ("base_currency", "quote_currency"):
            if not CURRENCY.fullmatch(getattr(asked, name)):
                form.wrong(f"exchange_rate.{name}", "must be an ISO 4217 code such as USD")
        if asked.base_currency == asked.quote_currency:
            form.wrong("exchange_rate.quote_currency", "must be another than base_currency")
        day = _day(asked.day)
        if day is None:
            form.wrong("exchange_rate.day", "must be a day such as 2026-03-01")
        form.done()
        try:
            rate = Rate.parse(asked.rate, day or datetime.now(UTC).date())
        except RateMalformed as error:
            raise InvalidFields([Violation("exchange_rate.rate", str(error))]) from error
        await self._rates.set(request.request_id, asked.base_currency, asked.quote_currency, rate)
        known = SetRate(asked.base_currency, asked.quote_currency, rate)
        return pb.SetExchangeRateResponse(exchange_rate=shown_rate(known))

    async def list(self, request: pb.ListExchangeRatesRequest) -> pb.ListExchangeRatesResponse:
        """A page of rates, the newest day first."""
        size = page_size(request.page_size)
        (text,) = position(request.page_token, 1) or ("0",)
        if not (text.isascii() and text.isdecimal() and len(text) < 10):
            raise InvalidFields([Violation("page_token", "must be a next_page_token, unchanged")])
        rates = await self._rates.list(size, int(text))
        return pb.ListExchangeRatesResponse(
            exchange_rates=[shown_rate(known) for known in rates],
            next_page_token=token(str(int(text) + size)) if len(rates) == size else "",
        )


def _day(text: str) -> date | None:
    """The day of a text; today for an empty one."""
    try:
        return date.fromisoformat(text) if text else datetime.now(UTC).date()
    except ValueError:
        return None
