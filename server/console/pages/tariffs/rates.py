"""The exchange rates that are known, and one that somebody types."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from server.console.visit import Visit
from tollgate.v1 import payments_pb2 as pb

SHOWN = 8


class Typed(NamedTuple):
    """What was typed, and what is wrong with it, by field."""

    values: Mapping[str, str]
    problems: Mapping[str, str]


NO_RATE = Typed({}, {})


async def known_rates(visit: Visit) -> Sequence[pb.ExchangeRate]:
    """The newest rates; none for who may not see them."""
    if not (visit.may("ListExchangeRates") and visit.is_administrator):
        return ()
    asked = pb.ListExchangeRatesRequest(page_size=SHOWN)
    rates: Sequence[pb.ExchangeRate] = (await visit.ask("ListExchangeRates", asked)).exchange_rates
    return rates
