"""Exchange rates in Postgres: set for a day, in force until the next day that has one."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

from ledger.errors import RateMalformed, RateMissing
from ledger.payments.rate import ITSELF, Rate
from ledger.pool import Connection, Pool
from ledger.request import INSTALLATION, Request, content_digest, once
from ledger.sql import statements
from ledger.transaction import reading, transact

SQL = statements("exchange_rates")


class SetRate(NamedTuple):
    """A rate that an administrator set."""

    base: str
    quote: str
    rate: Rate
    set_at: datetime | None = None


class ExchangeRates:
    """Every method raises LedgerUnavailable."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def set(self, request_id: str, base: str, quote: str, rate: Rate) -> None:
        """Sets the rate from its day on. Raises KeyReused, RateMalformed."""
        if base == quote:
            raise RateMalformed("a currency has no rate against itself")
        content = (base, quote, rate.day, rate.numerator, rate.denominator)
        request = Request(INSTALLATION, request_id, content_digest("exchange rate", *content))

        async def work(connection: Connection) -> None:
            async def insert() -> dict[str, Any]:
                await connection.execute(SQL["insert"], *content)
                return {}

            await once(connection, request, insert)

        await transact(self._pool, work)

    async def on(self, base: str, quote: str, day: date) -> Rate:
        """The rate in force on a day. Raises RateMissing."""
        async with reading(self._pool) as connection:
            return await rate_on(connection, base, quote, day)

    async def list(self, limit: int, offset: int) -> Sequence[SetRate]:
        """The rates that count, the newest day first."""
        async with reading(self._pool) as connection:
            rows = await connection.fetch(SQL["list"], limit, offset)
        return [
            SetRate(
                row["base"],
                row["quote"],
                Rate(row["numerator"], row["denominator"], row["day"]),
                row["set_at"],
            )
            for row in rows
        ]


async def rate_on(connection: Connection, base: str, quote: str, day: date) -> Rate:
    """The same within a transaction. Raises RateMissing."""
    if base == quote:
        return ITSELF
    row = await connection.fetchrow(SQL["rate_on"], base, quote, day)
    if row is None:
        raise RateMissing(base, quote)
    return Rate(row["numerator"], row["denominator"], row["day"])
