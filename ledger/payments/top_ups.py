"""Top-ups in Postgres: created with everything pinned, credited once, followed to their end."""

import secrets
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from ledger.errors import RateMissing, UnknownTopUp, WrongState
from ledger.history.opening import Opening, open_row, set_details
from ledger.history.row import TOP_UP
from ledger.organisations.register import share_usable
from ledger.payments.exchange_rates import rate_on
from ledger.payments.facts import Facts, Refund, State
from ledger.payments.rate import pay_minor
from ledger.payments.recording import record
from ledger.payments.rows import top_up_of
from ledger.payments.top_up import (
    NewTopUp,
    Notice,
    Quote,
    Recorded,
    Return,
    TopUp,
    top_up_request,
)
from ledger.pool import Connection, Pool, Row
from ledger.request import Request, content_digest, once
from ledger.sql import statements
from ledger.tenant import Tenant
from ledger.tenants import find_tenant
from ledger.transaction import reading, transact

SQL = statements("top_ups")


def _now() -> datetime:
    return datetime.now(UTC)


class TopUps:
    """The only writer of top-ups. Mutations with a request id return the first result when they
    are repeated, and raise KeyReused for other content. Every method raises LedgerUnavailable.
    """

    def __init__(self, pool: Pool, clock: Callable[[], datetime] = _now) -> None:
        self._pool, self._clock = pool, clock

    async def create(self, request_id: str, new: NewTopUp) -> TopUp:
        """Pins what is to be paid and credited, at the rate of today (see `_day_of`).

        Raises UnknownTenant, RateMissing, AmountOutOfRange, and of the organisation that is to
        pay OrganisationUnknown, OrganisationArchived, OrganisationIsDraft.
        """
        request = Request(new.tenant, request_id, content_digest("top up", *new))

        async def work(connection: Connection) -> TopUp:
            async def insert() -> dict[str, Any]:
                return {"top_up": await self._insert(connection, new)}

            response, _ = await once(connection, request, insert)
            return await _find(connection, new.tenant, response["top_up"])

        return await transact(self._pool, work)

    async def _insert(self, connection: Connection, new: NewTopUp) -> str:
        tenant = await find_tenant(connection, new.tenant)
        if new.organisation_id:
            await share_usable(connection, new.tenant, new.organisation_id)
        pay_currency = new.pay_currency or tenant.currency
        rate = await rate_on(connection, tenant.currency, pay_currency, self._day_of(tenant))
        top_up_id = f"tu_{secrets.token_hex(12)}"
        created_at = await connection.fetchval(
            SQL["insert_top_up"],
            top_up_id,
            new.tenant,
            new.provider,
            new.method,
            new.organisation_id,
            tenant.currency,
            new.credit_micros,
            pay_currency,
            pay_minor(new.credit_micros, rate, pay_currency),
            rate.day,
            rate.numerator,
            rate.denominator,
        )
        key = top_up_request(top_up_id)
        opening = Opening(key, TOP_UP, created_at, new.credit_micros, new.provider)
        await open_row(connection, new.tenant, opening)
        return top_up_id

    async def quotes(
        self, tenant: str, pay_currencies: Sequence[str], credit_micros: int
    ) -> tuple[str, Sequence[Quote]]:
        """The tenant's currency, and what `create` would pin now for each of the currencies; an
        empty one is the tenant's own. Raises UnknownTenant.
        """
        async with reading(self._pool) as connection:
            found = await find_tenant(connection, tenant)
            day = self._day_of(found)
            return found.currency, [
                await _quote(connection, found.currency, each or found.currency, day, credit_micros)
                for each in pay_currencies
            ]

    def _day_of(self, tenant: Tenant) -> date:
        """Today in the tenant's zone, or in UTC where that is later: a rate that is set for today
        without a word of zones counts at once, also west of Greenwich.
        """
        now = self._clock()
        return max(now.astimezone(ZoneInfo(tenant.zone_at(now))).date(), now.astimezone(UTC).date())

    async def attach_page(self, top_up: TopUp, page_url: str, provider_ref: str) -> TopUp:
        """Keeps the provider's page, unless one is kept already; the top-up as it is then."""

        async def work(connection: Connection) -> TopUp:
            if await connection.fetchval(SQL["attach_page"], top_up.id, page_url, provider_ref):
                key = top_up_request(top_up.id)
                await set_details(connection, top_up.tenant, key, page_url)
            return await _find(connection, top_up.tenant, top_up.id)

        return await transact(self._pool, work)

    async def get(self, tenant: str, top_up_id: str) -> TopUp:
        """Reads one top-up. Raises UnknownTopUp, for another tenant's as well."""
        async with reading(self._pool) as connection:
            return await _find(connection, tenant, top_up_id)

    async def list(self, tenant: str, limit: int, before_number: int | None) -> Sequence[TopUp]:
        """At most `limit` top-ups, the newest first, from the one before `before_number`."""
        async with reading(self._pool) as connection:
            rows: list[Row] = await connection.fetch(SQL["list"], tenant, limit, before_number)
        return [top_up_of(row) for row in rows]

    async def owed_micros(self, tenant: str) -> int:
        """What the tenant's next payment pays first."""
        async with reading(self._pool) as connection:
            return -(await connection.fetchval(SQL["find_receivable"], tenant) or 0)

    async def record(self, provider: str, notice: Notice) -> Recorded | None:
        """Takes note of a provider's event; one that comes again changes nothing. None: it names
        only a payment that nobody knows yet, and is kept in case that is a top-up's.

        Raises UnknownTopUp, PaymentMismatch, BalanceOutOfRange; then nothing was changed.
        """

        async def work(connection: Connection) -> Recorded | None:
            return await record(connection, provider, notice)

        return await transact(self._pool, work)

    async def confirm(self, request_id: str, tenant: str, top_up_id: str, note: str) -> Recorded:
        """Notes that the money of a top-up has come. Raises UnknownTopUp, WrongState."""
        digest = content_digest("confirm top-up", top_up_id, note)
        notice = Notice(f"confirm/{top_up_id}", note, Facts(paid=True), top_up_id)

        def check(top_up: TopUp) -> Notice:
            if top_up.facts.paid:
                raise WrongState(f"the top-up is {top_up.state}: it was confirmed before")
            return notice

        return await self._by_hand(Request(tenant, request_id, digest), tenant, top_up_id, check)

    async def refund(
        self, request_id: str, tenant: str, top_up_id: str, minor: int, note: str
    ) -> Recorded:
        """Notes that `minor` units of what was paid, 0 for all that is left, were paid back.

        Raises UnknownTopUp, WrongState.
        """
        digest = content_digest("refund top-up", top_up_id, minor, note)

        def check(top_up: TopUp) -> Notice:
            left = top_up.pay_minor - top_up.facts.out_minor(top_up.pay_minor)
            if top_up.state is not State.SUCCEEDED:
                raise WrongState(f"the top-up is {top_up.state}: only what was paid is refunded")
            if minor > left:
                raise WrongState(f"only {left} minor units of {top_up.pay_currency} are left")
            facts = Facts(refunds={request_id: Refund(minor or left)})
            return Notice(f"refund/{tenant}/{request_id}", note, facts, top_up_id)

        return await self._by_hand(Request(tenant, request_id, digest), tenant, top_up_id, check)

    async def _by_hand(
        self, request: Request, tenant: str, top_up_id: str, check: Callable[[TopUp], Notice]
    ) -> Recorded:
        async def work(connection: Connection) -> Recorded:
            top_up = await _find(connection, tenant, top_up_id)

            async def note() -> dict[str, Any]:
                row = await connection.fetchrow(SQL["lock_by_id"], top_up.provider, top_up_id)
                assert row is not None, "top-ups are never removed"
                done = await record(connection, top_up.provider, check(top_up_of(row)))
                assert done is not None, "it names its top-up"
                return {"version": done.version, "return_id": done.return_id}

            response, is_new = await once(connection, request, note)
            after = await _find(connection, tenant, top_up_id)
            return Recorded(after, response["version"], response["return_id"], is_new)

        return await transact(self._pool, work)

    async def open_returns(self, limit: int, after_id: int = 0) -> Sequence[Return]:
        """Returns that are not in the ledger yet, the oldest first."""
        async with reading(self._pool) as connection:
            rows: list[Row] = await connection.fetch(SQL["open_returns"], limit, after_id)
        return [Return(*row) for row in rows]


async def _find(connection: Connection, tenant: str, top_up_id: str) -> TopUp:
    row = await connection.fetchrow(SQL["find"], tenant, top_up_id)
    if row is None:
        raise UnknownTopUp("the tenant has no such top-up")
    return top_up_of(row)


async def _quote(
    connection: Connection, currency: str, pay_currency: str, day: date, credit_micros: int
) -> Quote:
    try:
        rate = await rate_on(connection, currency, pay_currency, day)
    except RateMissing:
        return Quote(pay_currency, None, None)
    minor = pay_minor(credit_micros, rate, pay_currency) if credit_micros else None
    return Quote(pay_currency, rate, minor)
