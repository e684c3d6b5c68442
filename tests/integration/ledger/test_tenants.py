"""Tenants change in gapless versions, and a repeated mutation has its first result."""

import asyncio
from datetime import UTC, datetime

import asyncpg
import pytest

from ledger.errors import (
    AmountOutOfRange,
    BalanceOutOfRange,
    CurrencyMismatch,
    KeyReused,
    LedgerUnavailable,
    LimitOutOfRange,
    NotAllowed,
    TariffUnknown,
    TenantExists,
    TimeZoneUnknown,
    UnknownTenant,
)
from ledger.journal import Journal
from ledger.pool import Pool, open_pool
from ledger.price_book import price_book_document
from ledger.shards import Shards
from ledger.tariffs import Tariffs
from ledger.tenant import Limits, Tenant, TenantChanges
from ledger.tenants import Tenants
from tests.integration.ledger.samples import balance, count, new_tenant, settled_call


async def test_a_new_tenant_has_no_money_and_version_one(pool: Pool, tenants: Tenants) -> None:
    created = await tenants.create("r", new_tenant("acme", time_zone="Europe/Berlin"))
    assert (created.version, created.profile_version, created.suspended) == (1, 1, False)
    assert created.limits == Limits(daily_cap_micros=10**9)
    assert await tenants.get("acme") == created
    assert await balance(pool) == 0


async def test_a_repeated_creation_returns_the_first_result(tenants: Tenants) -> None:
    first = await tenants.create("r", new_tenant("acme"))
    await tenants.update("u", "acme", TenantChanges(name="Renamed"))
    assert await tenants.create("r", new_tenant("acme")) == first
    with pytest.raises(KeyReused):
        await tenants.create("r", new_tenant("acme", name="Other"))
    with pytest.raises(TenantExists):
        await tenants.create("r2", new_tenant("acme"))


async def test_equal_creations_at_the_same_time_have_one_result(
    pool: Pool, tenants: Tenants
) -> None:
    created = await asyncio.gather(*(tenants.create("r", new_tenant("acme")) for _ in range(8)))
    assert len(set(map(str, created))) == 1
    assert await count(pool, "tenants") == 1


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"tariff": "gold"}, TariffUnknown),
        ({"currency": "EUR"}, CurrencyMismatch),
        ({"time_zone": "Mars/Olympus"}, TimeZoneUnknown),
        ({"time_zone": "../etc/passwd"}, TimeZoneUnknown),
        ({"limits": Limits(daily_cap_micros=-1)}, LimitOutOfRange),
        ({"limits": Limits(concurrent_calls=10**6 + 1)}, LimitOutOfRange),
        ({"limits": Limits(credit_limit_micros=2**70)}, LimitOutOfRange),
        ({"limits": Limits(calls_per_minute=10**6 + 1)}, LimitOutOfRange),
        ({"limits": Limits(caller_daily_limit_micros=-1)}, LimitOutOfRange),
        ({"limits": Limits(call_length_limit_ms=999)}, LimitOutOfRange),
        ({"name": ""}, NotAllowed),
        ({"name": "a\0b"}, NotAllowed),
    ],
)
async def test_a_tenant_that_does_not_fit_is_refused(
    pool: Pool, tenants: Tenants, fields: dict[str, object], error: type[Exception]
) -> None:
    with pytest.raises(error):
        await tenants.create("r", new_tenant("acme", **fields))
    assert await count(pool, "tenants") == 0
    # A refusal is not kept: the corrected request may carry the same id.
    await tenants.create("r", new_tenant("acme"))


async def test_an_id_with_braces_is_refused(tenants: Tenants) -> None:
    with pytest.raises(NotAllowed):
        await tenants.create("r", new_tenant("{acme}"))


async def test_nobody_is_told_apart_from_an_unknown_tenant(tenants: Tenants) -> None:
    with pytest.raises(UnknownTenant):
        await tenants.get("nobody")
    with pytest.raises(UnknownTenant):
        await tenants.update("r", "nobody", TenantChanges(name="x"))
    with pytest.raises(UnknownTenant):
        await tenants.credit("r", "nobody", 5, "cash")
    with pytest.raises(UnknownTenant):
        await tenants.snapshot("nobody", [])


async def test_tenants_are_listed_by_id(tenants: Tenants) -> None:
    for name in ("c", "a", "b"):
        await tenants.create(name, new_tenant(name))
    assert [tenant.id for tenant in await tenants.list(2)] == ["a", "b"]
    assert [tenant.id for tenant in await tenants.list(2, "b")] == ["c"]


async def test_an_update_takes_the_next_version_and_keeps_a_snapshot(
    tenants: Tenants, acme: Tenant
) -> None:
    changes = TenantChanges(
        suspended=True, limits={"daily_cap_micros": None, "concurrent_calls": 3}
    )
    changed = await tenants.update("u", "acme", changes)
    assert changed.limits == Limits(concurrent_calls=3)
    assert (changed.suspended, changed.version, changed.profile_version) == (True, 2, 1)
    assert await tenants.get("acme") == changed
    (change,) = await tenants.changes("acme", acme.version)
    assert (change.version, change.credit_micros, change.settings) == (2, None, changed)


async def test_a_repeated_update_returns_the_first_result(tenants: Tenants, acme: Tenant) -> None:
    first = await tenants.update("u", "acme", TenantChanges(name="One"))
    await tenants.update("v", "acme", TenantChanges(name="Two"))
    assert await tenants.update("u", "acme", TenantChanges(name="One")) == first
    assert (await tenants.get("acme")).version == 3
    with pytest.raises(KeyReused):
        await tenants.update("u", "acme", TenantChanges(name="Three"))


async def test_a_request_id_is_a_tenants_own(tenants: Tenants, acme: Tenant) -> None:
    await tenants.create("create-other", new_tenant("other"))
    await tenants.credit("r", "acme", 5, "cash")
    await tenants.credit("r", "other", 7, "cash")
    assert (await tenants.snapshot("other", [])).balance_micros == 7


@pytest.mark.usefixtures("acme")
@pytest.mark.parametrize(
    ("changes", "error"),
    [
        (TenantChanges(tariff="gold"), TariffUnknown),
        (TenantChanges(tariff="euro"), CurrencyMismatch),
        (TenantChanges(time_zone="Nowhere"), TimeZoneUnknown),
        (TenantChanges(limits={"daily_cap_micros": -5}), LimitOutOfRange),
        (TenantChanges(limits={"height": 5}), LimitOutOfRange),
        (TenantChanges(name="x" * 201), NotAllowed),
    ],
)
async def test_a_change_that_does_not_fit_changes_nothing(
    pool: Pool, tenants: Tenants, changes: TenantChanges, error: type[Exception]
) -> None:
    await Tariffs(pool).put("euro", price_book_document() | {"name": "euro", "currency": "EUR"})
    with pytest.raises(error):
        await tenants.update("u", "acme", changes)
    assert (await tenants.get("acme")).version == 1
    assert await tenants.changes("acme", 0) == []


async def test_a_new_time_zone_starts_at_the_next_midnight_of_the_old_one(pool: Pool) -> None:
    await Tariffs(pool).put("price-book", price_book_document())
    now = datetime(2026, 3, 28, 23, 30, tzinfo=UTC)  # 00:30 on the 29th in Berlin, a 23-hour day
    tenants = Tenants(pool, lambda: now)
    await tenants.create("r", new_tenant("acme", time_zone="Europe/Berlin"))
    changed = await tenants.update("u", "acme", TenantChanges(time_zone="Asia/Tokyo"))
    assert (changed.time_zone, changed.next_time_zone) == ("Europe/Berlin", "Asia/Tokyo")
    assert changed.zone_starts_at == datetime(2026, 3, 29, 22, tzinfo=UTC)
    assert changed.profile_version == changed.version == 2
    now = datetime(2026, 3, 29, 22, tzinfo=UTC)
    later = await tenants.update("v", "acme", TenantChanges(name="Moved"))
    assert (later.time_zone, later.next_time_zone, later.zone_starts_at) == (
        "Asia/Tokyo",
        None,
        None,
    )


async def test_a_credit_moves_funds_as_the_next_version(
    pool: Pool, tenants: Tenants, acme: Tenant
) -> None:
    assert (await tenants.credit("r", "acme", 5_000, "cash")).version == 2
    assert (await tenants.credit("r", "acme", 5_000, "cash")).version == 2
    assert await balance(pool) == 5_000
    (change,) = await tenants.changes("acme", acme.version)
    assert (change.version, change.credit_micros, change.settings) == (2, 5_000, None)
    for amount_micros, reason in ((5_001, "cash"), (5_000, "gift")):
        with pytest.raises(KeyReused):
            await tenants.credit("r", "acme", amount_micros, reason)


@pytest.mark.usefixtures("acme")
@pytest.mark.parametrize("amount_micros", [0, -5, 10**12 + 1])
async def test_a_credit_out_of_range_is_refused(tenants: Tenants, amount_micros: int) -> None:
    with pytest.raises(AmountOutOfRange):
        await tenants.credit("r", "acme", amount_micros, "cash")


async def test_a_credit_above_the_largest_balance_is_refused(
    tenants: Tenants, acme: Tenant
) -> None:
    for number in range(1_000):
        await tenants.credit(f"r{number}", "acme", 10**12, "cash")
    with pytest.raises(BalanceOutOfRange):
        await tenants.credit("one-more", "acme", 1, "cash")
    assert (await tenants.get("acme")).version == 1_001


async def test_concurrent_credits_give_gapless_versions(
    pool: Pool, tenants: Tenants, acme: Tenant
) -> None:
    results = await asyncio.gather(
        *(tenants.credit(f"r{number % 20}", "acme", 100, "cash") for number in range(40))
    )
    assert sorted({result.version for result in results}) == list(range(2, 22))
    assert await balance(pool) == 2_000
    versions = [change.version for change in await tenants.changes("acme", 1)]
    assert versions == list(range(2, 22))


async def test_changes_are_told_until_they_are_applied(tenants: Tenants, acme: Tenant) -> None:
    for number in range(3):
        await tenants.credit(f"r{number}", "acme", 100, "cash")
    assert await tenants.unapplied(2) == [("acme", 2), ("acme", 3)]
    await tenants.mark_applied("acme", 3)
    assert await tenants.unapplied(10) == [("acme", 4)]
    await tenants.mark_applied("acme", 4)
    assert await tenants.unapplied(10) == []
    assert len(await tenants.changes("acme", 1)) == 3


async def test_a_snapshot_tells_balance_spend_and_version_of_one_moment(
    pool: Pool, tenants: Tenants, acme: Tenant, shards: Shards
) -> None:
    await tenants.credit("r", "acme", 100_000, "cash")
    await Journal(pool).post(0, 1, [settled_call(1)])
    snapshot = await tenants.snapshot("acme", ["20260302", "20260303"])
    assert snapshot.balance_micros == 54_000
    assert snapshot.spend_by_day == (("20260302", 46_000),)
    assert snapshot.version == snapshot.tenant.version == 2
    assert (await tenants.snapshot("acme", ["20260303"])).spend_by_day == ()


async def test_a_lost_server_is_an_unknown_outcome(database: str) -> None:
    pool = await open_pool(database, max_size=1)
    connection = await asyncpg.connect(database)
    try:
        tenants = Tenants(pool)
        with pytest.raises(UnknownTenant):
            await tenants.get("acme")
        await connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        with pytest.raises((LedgerUnavailable, UnknownTenant)):
            await tenants.get("acme")
        with pytest.raises(UnknownTenant):
            await tenants.get("acme")
    finally:
        await connection.close()
        await pool.close()


async def test_a_slow_statement_ends_in_an_unknown_outcome(database: str, acme: Tenant) -> None:
    pool = await open_pool(database, max_size=1, statement_timeout_ms=200)
    connection = await asyncpg.connect(database)
    try:
        async with connection.transaction():
            await connection.execute("SELECT 1 FROM tenants FOR UPDATE")
            with pytest.raises(LedgerUnavailable):
                await Tenants(pool).credit("r", "acme", 5, "cash")
        assert (await Tenants(pool).credit("r", "acme", 5, "cash")).version == 2
    finally:
        await connection.close()
        await pool.close()
