"""The example month: posted with its dates, and adding up to what the product shows."""

from datetime import date

import pytest

from ledger.audit import AuditReader
from ledger.errors import KeyReused, TenantExists
from ledger.history.example import Charges, calls_of
from ledger.history.march_2026 import march_2026
from ledger.history.reader import History
from ledger.history.row import HistoryFilter
from ledger.history.seeding import Seeded, Seeder
from ledger.pool import Pool
from ledger.tenants import Tenants
from tests.integration.ledger.samples import balance, count

DOLLAR = 1_000_000
pytestmark = pytest.mark.usefixtures("tenants", "shards")


async def test_march_2026_is_as_the_product_shows_it(pool: Pool) -> None:
    seeded = await Seeder(pool).seed("seed", "march", march_2026())
    month = await History(pool).month("march", date(2026, 3, 1), date(2026, 3, 31))
    assert (month.handled, month.tokens) == (847, 3_200_000)
    assert (month.spent_micros, month.ledger_micros) == (57_500_000, 142_500_000)
    assert seeded.balance_micros == await balance(pool, "march") == 142_500_000
    rows = (await History(pool).rows("march", HistoryFilter(), 1_000))[::-1]
    assert [row.number for row in rows] == list(range(1, len(rows) + 1))
    assert sum(row.amount_micros for row in rows[:6]) == 50 * DOLLAR
    assert [(f"{row.day:%d.%m}", row.kind, row.amount_micros) for row in rows[6:12]] == [
        ("01.03", "top_up", 100 * DOLLAR),
        ("10.03", "analytics", -500_000),
        ("12.03", "calls", -2_850_000),
        ("13.03", "calls", -4_100_000),
        ("14.03", "calls", -3_250_000),
        ("15.03", "top_up", 50 * DOLLAR),
    ]
    assert sum(row.amount_micros for row in rows[12:]) == -46_800_000
    assert {row.status for row in rows} == {"succeeded"}
    assert [row.provider for row in rows if row.kind == "top_up"] == ["stripe"] * 4


async def test_every_call_of_the_example_costs_what_the_price_book_says() -> None:
    example = march_2026()
    days = [event for event in example.events if isinstance(event, Charges)]
    calls = [call for day in days for call in calls_of(example, day, "t", 1)]
    assert len({call.call_id for call in calls}) == len(calls)
    for call in calls:
        assert call.ended_at is not None
        assert call.answered_at is not None
        assert call.rated_micros > 0
        assert all(quantity >= 0 for quantity in call.usage.values())
        assert call.elapsed_ms is not None
        assert call.elapsed_ms < 3_600_000


async def test_the_past_is_dated_balanced_and_needs_no_applying(pool: Pool) -> None:
    seeded = await Seeder(pool).seed("seed", "march", march_2026())
    assert await count(pool, "calls") == seeded.calls
    assert await AuditReader(pool).unbalanced() == {"USD": 0}
    newest = await pool.fetchval("SELECT max(posted_at) FROM postings")
    assert newest.date() <= date(2026, 4, 1)
    assert await Tenants(pool).unapplied(10) == []
    assert (await Tenants(pool).get("march")).version == 5
    assert (await AuditReader(pool).balances_as_of(0, 1, [("march", 5, 0)]))["march"] == 142_500_000


async def test_a_seed_is_for_a_fresh_tenant_alone(pool: Pool) -> None:
    seeder = Seeder(pool)
    first = await seeder.seed("seed", "march", march_2026())
    assert await seeder.seed("seed", "march", march_2026()) == first == Seeded(142_500_000, 922)
    with pytest.raises(KeyReused):
        await seeder.seed("seed", "april", march_2026())
    with pytest.raises(TenantExists):
        await seeder.seed("again", "march", march_2026())
    await seeder.seed("second", "april", march_2026())
    assert await balance(pool, "april") == await balance(pool, "march") == 142_500_000
