"""The audit reads balances as of the numbers that the live store was read with."""

import pytest

from ledger.audit import AuditReader
from ledger.entry import Aside, Entry
from ledger.errors import EpochChanged
from ledger.journal import Journal
from ledger.pool import Pool
from ledger.shards import Shards
from ledger.tenants import Tenants
from tests.integration.ledger.samples import (
    new_tenant,
    overrun_call,
    posted_debit,
    settled_call,
)

pytestmark = pytest.mark.usefixtures("acme", "shards")


@pytest.fixture
def audit(pool: Pool) -> AuditReader:
    return AuditReader(pool)


async def test_a_balance_is_told_as_of_a_version_and_an_outbox_number(
    pool: Pool, audit: AuditReader, tenants: Tenants
) -> None:
    await tenants.create("create-other", new_tenant("other"))
    await tenants.credit("a", "acme", 100_000, "cash")  # version 2
    await tenants.credit("b", "acme", 10_000, "cash")  # version 3
    entries: list[Entry] = [
        settled_call(1),
        overrun_call(2, 40_000),
        posted_debit(3),
        settled_call(4, "other"),
    ]
    await Journal(pool).post(0, 1, entries)

    async def as_of(version: int, n: int) -> int:
        return (await audit.balances_as_of(0, 1, [("acme", version, n), ("other", 1, 0)]))["acme"]

    assert await as_of(3, 4) == 110_000 - 46_000 - 40_000 - 1_500
    assert await as_of(3, 2) == 110_000 - 46_000 - 40_000
    assert await as_of(3, 1) == 110_000 - 46_000
    assert await as_of(2, 1) == 100_000 - 46_000
    assert await as_of(1, 0) == 0
    both = await audit.balances_as_of(0, 1, [("acme", 3, 0), ("other", 1, 9), ("nobody", 1, 1)])
    assert both == {"acme": 110_000, "other": -46_000}


async def test_earlier_epochs_count_in_full(pool: Pool, audit: AuditReader, shards: Shards) -> None:
    await Journal(pool).post(0, 1, [settled_call(1), settled_call(2)])
    async with shards.rebuild(0):
        pass
    await Journal(pool).post(0, 2, [settled_call(1, call_id="new")])
    assert await audit.balances_as_of(0, 2, [("acme", 1, 0)]) == {"acme": -92_000}
    assert await audit.balances_as_of(0, 2, [("acme", 1, 1)]) == {"acme": -138_000}


async def test_numbers_of_another_epoch_are_refused(audit: AuditReader) -> None:
    with pytest.raises(EpochChanged):
        await audit.balances_as_of(0, 2, [("acme", 1, 0)])
    assert await audit.balances_as_of(0, 1, []) == {}
    assert await audit.balances_as_of(0, 1, [("nobody", 1, 0)]) == {}


async def test_every_currency_sums_to_zero(
    pool: Pool, audit: AuditReader, tenants: Tenants
) -> None:
    await tenants.credit("a", "acme", 100_000, "cash")
    await Journal(pool).post(0, 1, [overrun_call(1, 1_000), posted_debit(2)])
    assert await audit.unbalanced() == {"USD": 0}


async def test_a_balance_that_was_tampered_with_is_found(pool: Pool, audit: AuditReader) -> None:
    await Journal(pool).post(0, 1, [settled_call(1)])
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("SET LOCAL session_replication_role = replica")
        await connection.execute("UPDATE accounts SET balance_micros = 7 WHERE tenant = 'acme'")
    assert await audit.unbalanced() == {"USD": 46_007}


async def test_entries_set_aside_are_listed_by_tenant_the_latest_first(
    pool: Pool, audit: AuditReader
) -> None:
    assert await audit.set_aside_count() == 0
    for n, tenant, payload in (
        (1, "acme", {"charged": 46_000}),
        (2, "globex", {"packed": "ff"}),
        (3, "acme", {"amount_micros": 7}),
    ):
        entry = Aside(n, tenant, f"call-{n}", "rated otherwise", payload)
        await Journal(pool).post(0, 1, [entry])
    assert [await audit.set_aside_count(of) for of in ("", "acme", "globex")] == [3, 2, 1]
    found = await audit.set_aside("", 2)
    assert [(each.n, each.amount_micros) for each in found] == [(3, 7), (2, None)]
    [_, first] = await audit.set_aside("acme", 9)
    assert (first.shard, first.epoch, first.tenant_id, first.key, first.why) == (
        *(0, 1, "acme", "call-1"),
        "rated otherwise",
    )
