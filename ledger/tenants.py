"""Tenants in Postgres: creation, changes in gapless versions, credits, and consistent reads."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from ledger.errors import (
    AmountOutOfRange,
    CurrencyMismatch,
    NotAllowed,
    TariffUnknown,
    UnknownTenant,
)
from ledger.pool import Connection, Pool, Row
from ledger.request import INSTALLATION, Request, content_digest, once
from ledger.sql import statements
from ledger.tenant import (
    LIMIT_NAMES,
    Change,
    CreditResult,
    Limits,
    NewTenant,
    PostedDebitRecord,
    Tenant,
    TenantChanges,
    TenantSnapshot,
)
from ledger.time_zone import zone
from ledger.transaction import reading, transact

SQL = statements("tenants")

MAX_AMOUNT_MICROS = 10**12
MAX_NAME_LENGTH = 200


def _now() -> datetime:
    return datetime.now(UTC)


class Tenants:
    """Every change takes the tenant's next version under its row lock.

    A mutation that repeats its request id returns the first result, and raises KeyReused when
    its content differs. Every method raises LedgerUnavailable, and UnknownTenant where it names
    one tenant.
    """

    def __init__(self, pool: Pool, clock: Callable[[], datetime] = _now) -> None:
        self._pool = pool
        self._clock = clock

    async def create(self, request_id: str, new: NewTenant) -> Tenant:
        """Creates a tenant with a balance of zero.

        Raises TenantExists, TariffUnknown, CurrencyMismatch, TimeZoneUnknown, LimitOutOfRange.
        """
        _check_name(new.name)
        new.limits.check()
        zone(new.time_zone)
        request = Request(INSTALLATION, request_id, content_digest("create tenant", asdict(new)))

        async def work(connection: Connection) -> Tenant:
            async def insert() -> dict[str, Any]:
                return (await insert_tenant(connection, new)).to_document()

            response, _ = await once(connection, request, insert)
            return Tenant.from_document(response)

        return await transact(self._pool, work)

    async def get(self, tenant: str) -> Tenant:
        """Reads one tenant."""
        async with reading(self._pool) as connection:
            return await _find(connection, "find_tenant", tenant)

    async def list(self, limit: int, after_id: str = "", search: str = "") -> Sequence[Tenant]:
        """At most `limit` tenants by id, from the one after `after_id`, whose id or name holds
        `search` in upper or lower case.
        """
        async with reading(self._pool) as connection:
            rows = await connection.fetch(SQL["list_tenants"], limit, after_id, search)
        return [_tenant(row) for row in rows]

    async def update(self, request_id: str, tenant: str, changes: TenantChanges) -> Tenant:
        """Changes settings, as the tenant's next version.

        Raises TariffUnknown, CurrencyMismatch, TimeZoneUnknown, LimitOutOfRange.
        """
        if changes.name is not None:
            _check_name(changes.name)
        request = Request(tenant, request_id, content_digest("update", asdict(changes)))

        async def work(connection: Connection) -> Tenant:
            async def change() -> dict[str, Any]:
                return (await _change(connection, tenant, changes, self._clock())).to_document()

            response, _ = await once(connection, request, change)
            return Tenant.from_document(response)

        return await transact(self._pool, work)

    async def credit(
        self, request_id: str, tenant: str, amount_micros: int, reason: str
    ) -> CreditResult:
        """Adds 1 to 10**12 micros to the funds, as the tenant's next version.

        Raises AmountOutOfRange, BalanceOutOfRange.
        """
        if not 1 <= amount_micros <= MAX_AMOUNT_MICROS:
            raise AmountOutOfRange(f"a credit must be 1 to {MAX_AMOUNT_MICROS} micros")
        digest = content_digest("credit", amount_micros, reason)
        request = Request(tenant, request_id, digest)

        async def work(connection: Connection) -> CreditResult:
            async def post() -> dict[str, Any]:
                version = await connection.fetchval(SQL["raise_version"], tenant)
                if version is None:
                    raise _unknown()
                await connection.execute(
                    SQL["insert_credit"], tenant, amount_micros, request_id, reason, version
                )
                await connection.execute(SQL["insert_change"], tenant, version, amount_micros, None)
                return {"version": version}

            response, _ = await once(connection, request, post)
            return CreditResult(response["version"])

        return await transact(self._pool, work)

    async def changes(self, tenant: str, after_version: int) -> Sequence[Change]:
        """The changes after a version, in order; empty for an unknown tenant."""
        async with reading(self._pool) as connection:
            rows = await connection.fetch(SQL["list_changes"], tenant, after_version)
        return [_change_of(row) for row in rows]

    async def versions(self, tenants: Sequence[str]) -> dict[str, int]:
        """The newest version of each tenant; unknown ones are left out."""
        async with reading(self._pool) as connection:
            rows = await connection.fetch(SQL["find_versions"], tenants)
        return {row["id"]: row["version"] for row in rows}

    async def unapplied(self, limit: int) -> Sequence[tuple[str, int]]:
        """(tenant, version) of changes that the live store may not have, the oldest first."""
        async with reading(self._pool) as connection:
            rows = await connection.fetch(SQL["unapplied_changes"], limit)
        return [(row["tenant"], row["version"]) for row in rows]

    async def mark_applied(self, tenant: str, version: int) -> None:
        """Notes that the live store has the changes up to and with `version`."""
        async with reading(self._pool) as connection:
            await connection.execute(SQL["mark_applied"], tenant, version)

    async def snapshot(self, tenant: str, days: Sequence[str]) -> TenantSnapshot:
        """The tenant, its balance and its spend on `days` (YYYYMMDD), from one moment."""
        async with reading(self._pool) as connection:
            row = await connection.fetchrow(SQL["snapshot"], tenant, list(days))
        if row is None:
            raise _unknown()
        spend = tuple(sorted((row["spend"] or {}).items()))
        return TenantSnapshot(_tenant(row), row["balance_micros"], spend, row["version"])

    async def find_debit(self, tenant: str, request_id: str) -> PostedDebitRecord | None:
        """The debit that was posted for a request; None when there is none."""
        async with reading(self._pool) as connection:
            row = await connection.fetchrow(SQL["find_debit"], tenant, request_id)
        return None if row is None else PostedDebitRecord(**dict(row))

    async def has_answered(self, tenant: str, request_id: str) -> bool:
        """Whether any mutation of the tenant had this request id."""
        async with reading(self._pool) as connection:
            return await connection.fetchval(SQL["find_request"], tenant, request_id) is not None


async def insert_tenant(connection: Connection, new: NewTenant) -> Tenant:
    """Adds a tenant whose values were checked. Raises as `Tenants.create` does."""
    await _check_tariff(connection, new.tariff, new.currency)
    await connection.execute(
        SQL["insert_tenant"],
        new.id,
        new.name,
        new.currency,
        new.tariff,
        new.time_zone,
        *_limit_values(new.limits),
        new.suspended,
    )
    await connection.execute(SQL["insert_installation_accounts"], new.currency)
    await connection.execute(SQL["insert_funds"], new.id, new.currency)
    return await _find(connection, "find_tenant", new.id)


async def _change(
    connection: Connection, tenant: str, changes: TenantChanges, at: datetime
) -> Tenant:
    before = await _find(connection, "lock_tenant", tenant)
    after = before.changed(changes, at)
    if after.tariff != before.tariff:
        await _check_tariff(connection, after.tariff, after.currency)
    await connection.execute(
        SQL["update_tenant"],
        after.id,
        after.name,
        after.tariff,
        after.time_zone,
        after.next_time_zone,
        after.zone_starts_at,
        *_limit_values(after.limits),
        after.suspended,
        after.version,
        after.profile_version,
    )
    await connection.execute(SQL["insert_change"], tenant, after.version, None, after.to_document())
    return after


async def _check_tariff(connection: Connection, tariff: str, currency: str) -> None:
    found = await connection.fetchval(SQL["find_tariff"], tariff)
    if found is None:
        raise TariffUnknown("there is no such tariff")
    if found != currency:
        raise CurrencyMismatch(f"the tariff is in {found}, the tenant in {currency}")


async def find_tenant(connection: Connection, tenant: str) -> Tenant:
    """Reads one tenant within a transaction. Raises UnknownTenant."""
    return await _find(connection, "find_tenant", tenant)


async def _find(connection: Connection, statement: str, tenant: str) -> Tenant:
    row = await connection.fetchrow(SQL[statement], tenant)
    if row is None:
        raise _unknown()
    return _tenant(row)


def _unknown() -> UnknownTenant:
    return UnknownTenant("there is no such tenant")


def _check_name(name: str) -> None:
    if not 1 <= len(name) <= MAX_NAME_LENGTH or not name.isprintable():
        raise NotAllowed(f"a name must be 1 to {MAX_NAME_LENGTH} printable characters")


def _limit_values(limits: Limits) -> list[int | None]:
    return [getattr(limits, name) for name in LIMIT_NAMES]


_OWN_COLUMNS = tuple(name for name in Tenant.__slots__ if name != "limits")


def _tenant(row: Row) -> Tenant:
    limits = Limits(**{name: row[name] for name in LIMIT_NAMES})
    return Tenant(limits=limits, **{name: row[name] for name in _OWN_COLUMNS})


def _change_of(row: Row) -> Change:
    settings = row["settings"]
    return Change(
        row["version"],
        row["credit_micros"],
        None if settings is None else Tenant.from_document(settings),
    )
