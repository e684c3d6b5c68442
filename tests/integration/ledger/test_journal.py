"""A group is posted once, whole or not at all, and can be posted again after any crash."""

import asyncio
from collections.abc import Sequence

import asyncpg
import asyncpg.transaction
import pytest

from ledger.entry import Aside, Crossing, Deed, Entry, Verdict
from ledger.errors import EpochChanged, LedgerUnavailable, OutboxGap
from ledger.journal import Journal
from ledger.pool import Pool
from ledger.shards import Mark, Shards
from ledger.tenant import Tenant
from ledger.tenants import Tenants
from tests.integration.ledger.samples import (
    SETTLED_AT,
    balance,
    count,
    new_tenant,
    overrun_call,
    posted_debit,
    settled_call,
)

pytestmark = pytest.mark.usefixtures("acme", "shards")


@pytest.fixture
def journal(pool: Pool) -> Journal:
    return Journal(pool)


async def sums_by_account(pool: Pool) -> dict[str, int]:
    rows = await pool.fetch(
        """
        SELECT name, sum(CASE WHEN accounts.id = credit_account THEN amount_micros
                              ELSE -amount_micros END)::bigint AS balance
        FROM postings JOIN accounts ON accounts.id IN (debit_account, credit_account)
        GROUP BY name
        """
    )
    return {row["name"]: row["balance"] for row in rows}


async def test_a_call_moves_its_components_from_funds_to_revenue(
    pool: Pool, journal: Journal
) -> None:
    assert await journal.post(0, 1, [settled_call(1)]) == [Verdict(1, Deed.POSTED)]
    assert await sums_by_account(pool) == {
        "funds": -46_000,
        "revenue.llm": 12_000,
        "revenue.stt": 9_000,
        "revenue.tts": 23_000,
        "revenue.analytics": 2_000,
    }
    assert await balance(pool) == -46_000


async def test_the_funds_change_by_exactly_what_was_charged(pool: Pool, journal: Journal) -> None:
    await journal.post(0, 1, [overrun_call(1, charged_micros=40_000)])
    sums = await sums_by_account(pool)
    assert sums["funds"] == -40_000
    assert sums["overrun"] == -6_000
    assert await balance(pool) == -40_000
    assert sum(sums.values()) == 0


async def test_a_free_call_is_recorded_without_postings(pool: Pool, journal: Journal) -> None:
    free = settled_call(
        1, rated_micros=0, charged_micros=0, cost=(), spend_by_day=(), elapsed_ms=2_999
    )
    assert await journal.post(0, 1, [free]) == [Verdict(1, Deed.POSTED)]
    assert (await count(pool, "calls"), await count(pool, "postings")) == (1, 0)
    assert await count(pool, "daily_spend") == 0


async def test_the_spend_of_a_group_is_added_up_per_tenant_and_day(
    pool: Pool, journal: Journal
) -> None:
    over_midnight = (("20260301", 40_000), ("20260302", 6_000))
    await journal.post(0, 1, [settled_call(1), settled_call(2, spend_by_day=over_midnight)])
    await journal.post(0, 1, [settled_call(3)])
    rows = await pool.fetch("SELECT day::text, amount_micros FROM daily_spend ORDER BY day")
    assert [tuple(row) for row in rows] == [("2026-03-01", 40_000), ("2026-03-02", 98_000)]


async def test_a_repeated_group_has_the_same_verdicts_and_moves_nothing(
    pool: Pool, journal: Journal, shards: Shards
) -> None:
    group: Sequence[Entry] = [
        settled_call(1),
        posted_debit(2),
        Crossing(3, "acme", "low_balance", SETTLED_AT, 9, 10),
        Aside(4, "acme", "call-4", "rated otherwise", {"rated": 5}),
        settled_call(5, call_id="call-1"),
        posted_debit(6),
    ]
    first = await journal.post(0, 1, group)
    before = [await count(pool, table) for table in ("calls", "postings", "events", "set_aside")]
    assert await journal.post(0, 1, group) == first
    assert [verdict.deed for verdict in first] == [
        Deed.POSTED,
        Deed.POSTED,
        Deed.POSTED,
        Deed.ASIDE,
        Deed.RETURNED,
        Deed.RETURNED,
    ]
    assert before == [1, 5, 1, 1]
    assert before == [
        await count(pool, table) for table in ("calls", "postings", "events", "set_aside")
    ]
    assert await balance(pool) == -46_000 - 1_500
    assert await shards.mark(0) == Mark(1, 6)


async def test_a_group_that_overlaps_a_posted_one_posts_only_what_is_new(
    pool: Pool, journal: Journal
) -> None:
    await journal.post(0, 1, [settled_call(1), settled_call(2)])
    verdicts = await journal.post(0, 1, [settled_call(2), settled_call(3)])
    assert verdicts == [Verdict(2, Deed.POSTED), Verdict(3, Deed.POSTED)]
    assert await balance(pool) == -3 * 46_000


async def test_a_missing_entry_stops_the_outbox(pool: Pool, journal: Journal) -> None:
    with pytest.raises(OutboxGap) as raised:
        await journal.post(0, 1, [settled_call(2)])
    assert (raised.value.expected, raised.value.found) == (1, 2)
    with pytest.raises(OutboxGap):
        await journal.post(0, 1, [settled_call(1), settled_call(3)])
    assert await count(pool, "calls") == 0


async def test_a_raised_epoch_keeps_an_old_group_out(
    pool: Pool, journal: Journal, shards: Shards
) -> None:
    await journal.post(0, 1, [settled_call(1)])
    async with shards.rebuild(0):
        pass
    with pytest.raises(EpochChanged):
        await journal.post(0, 1, [settled_call(2)])
    assert await count(pool, "calls") == 1


async def test_a_rebuild_under_way_makes_a_group_wait_and_then_refuses_it(
    pool: Pool, journal: Journal, shards: Shards
) -> None:
    async with shards.rebuild(0):
        posting = asyncio.create_task(journal.post(0, 1, [settled_call(1)]))
        await asyncio.sleep(0.1)
        assert not posting.done()
    with pytest.raises(EpochChanged):
        await posting
    assert await count(pool, "calls") == 0


async def test_a_call_that_comes_again_in_a_new_epoch_is_returned(
    pool: Pool, journal: Journal, shards: Shards
) -> None:
    await journal.post(0, 1, [settled_call(1, call_id="same"), settled_call(2, call_id="other")])
    async with shards.rebuild(0):
        pass
    again = settled_call(1, call_id="same")
    otherwise = settled_call(2, call_id="other", settle_digest=b"another settle")
    verdicts = await journal.post(0, 2, [again, otherwise])
    assert verdicts == [
        Verdict(1, Deed.RETURNED, same_content=True),
        Verdict(2, Deed.RETURNED, same_content=False),
    ]
    assert await balance(pool) == -2 * 46_000
    assert await journal.post(0, 2, [again, otherwise]) == verdicts


async def test_a_debit_moves_funds_once_per_request(
    pool: Pool, journal: Journal, tenants: Tenants
) -> None:
    await journal.post(0, 1, [posted_debit(1)])
    (verdict,) = await journal.post(0, 1, [posted_debit(2, digest=b"other")])
    assert verdict == Verdict(2, Deed.RETURNED, same_content=False)
    assert await balance(pool) == -1_500
    record = await tenants.find_debit("acme", "debit-1")
    assert record is not None
    assert (record.amount_micros, record.digest, record.reason) == (
        1_500,
        b"digest of the debit",
        "returned",
    )
    assert await tenants.find_debit("acme", "debit-2") is None


async def test_a_debit_under_the_request_id_of_a_credit_is_returned(
    pool: Pool, journal: Journal, tenants: Tenants
) -> None:
    await tenants.credit("top-up", "acme", 5_000, "cash")
    (verdict,) = await journal.post(0, 1, [posted_debit(1, "top-up")])
    assert verdict == Verdict(1, Deed.RETURNED, same_content=False)
    assert await balance(pool) == 5_000
    assert await tenants.find_debit("acme", "top-up") is None


@pytest.mark.parametrize(
    "entry",
    [
        settled_call(1, tenant="nobody"),
        settled_call(1, charged_micros=45_999),
        settled_call(1, cost=(("llm", 46_001),)),
        settled_call(1, cost=(("llm", 47_000), ("stt", -1_000))),
        settled_call(1, caller="+49\0"),
        posted_debit(1, tenant="nobody"),
        posted_debit(1, amount_micros=0),
        Crossing(1, "acme", "birthday", SETTLED_AT, 0, 0),
        Aside(1, "acme", "call", "unreadable \0 bytes", {"bytes": b"\0", "text": "\0"}),
    ],
    ids=lambda entry: type(entry).__name__,
)
async def test_an_entry_that_cannot_be_posted_is_set_aside_and_stops_nobody(
    pool: Pool, journal: Journal, entry: Entry
) -> None:
    verdicts = await journal.post(0, 1, [entry, settled_call(2)])
    assert [verdict.deed for verdict in verdicts] == [Deed.ASIDE, Deed.POSTED]
    assert await count(pool, "set_aside") == 1
    assert await balance(pool) == -46_000
    assert await journal.post(0, 1, [entry, settled_call(2)]) == verdicts


async def test_a_group_lost_before_its_commit_leaves_nothing(
    pool: Pool, journal: Journal, shards: Shards
) -> None:
    await pool.execute(
        """
        CREATE FUNCTION crash() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NEW; END $$;
        CREATE TRIGGER crash BEFORE UPDATE ON shard_progress
            FOR EACH ROW EXECUTE FUNCTION crash();
        """
    )
    with pytest.raises(LedgerUnavailable):
        await journal.post(0, 1, [settled_call(1)])
    assert await count(pool, "calls") + await count(pool, "postings") == 0
    await pool.execute("DROP TRIGGER crash ON shard_progress")
    assert await journal.post(0, 1, [settled_call(1)]) == [Verdict(1, Deed.POSTED)]
    assert await balance(pool) == -46_000


async def test_a_group_whose_commit_was_not_answered_is_posted_once(
    pool: Pool, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = asyncpg.transaction.Transaction._Transaction__commit  # type: ignore[attr-defined]

    async def commit_and_lose_the_answer(transaction: object) -> None:
        await commit(transaction)
        raise ConnectionResetError

    with monkeypatch.context() as patch:
        patch.setattr(
            asyncpg.transaction.Transaction, "_Transaction__commit", commit_and_lose_the_answer
        )
        with pytest.raises(LedgerUnavailable):
            await journal.post(0, 1, [settled_call(1)])
    assert await count(pool, "calls") == 1
    assert await journal.post(0, 1, [settled_call(1)]) == [Verdict(1, Deed.POSTED)]
    assert await balance(pool) == -46_000


async def test_two_consumers_at_the_same_time_post_a_group_once(
    pool: Pool, journal: Journal
) -> None:
    group = [settled_call(n) for n in range(1, 51)]
    first, second = await asyncio.gather(journal.post(0, 1, group), journal.post(0, 1, group))
    assert first == second
    assert {verdict.deed for verdict in first} == {Deed.POSTED}
    assert await balance(pool) == -50 * 46_000


async def test_groups_of_many_shards_never_wait_for_each_other_in_a_ring(
    pool: Pool, journal: Journal, shards: Shards, tenants: Tenants
) -> None:
    names = [f"t{number}" for number in range(8)]
    for name in names:
        await tenants.create(f"create-{name}", new_tenant(name))
    for shard in range(1, 5):
        await shards.mark(shard)

    async def post(shard: int) -> None:
        order = names if shard % 2 else names[::-1]
        for round_number in range(5):
            group = [
                settled_call(round_number * 8 + at + 1, tenant, f"{shard}-{round_number}-{at}")
                for at, tenant in enumerate(order)
            ]
            await journal.post(shard, 1, group)

    await asyncio.gather(*(post(shard) for shard in range(1, 5)))
    assert {await balance(pool, name) for name in names} == {-20 * 46_000}


async def test_an_empty_group_is_nothing(journal: Journal) -> None:
    assert await journal.post(0, 1, []) == []


async def test_a_call_cannot_be_posted_twice_even_by_hand(pool: Pool, journal: Journal) -> None:
    await journal.post(0, 1, [settled_call(1)])
    with pytest.raises(asyncpg.UniqueViolationError, match="postings_once_per_call"):
        await pool.execute(
            """
            INSERT INTO postings (debit_account, credit_account, amount_micros, kind, tenant,
                                  call_id, shard, epoch, n)
            SELECT debit_account, credit_account, amount_micros, kind, tenant, call_id, shard,
                   epoch, n + 1
            FROM postings
            """
        )


def test_the_tenant_is_there(acme: Tenant) -> None:
    assert acme.version == acme.profile_version == 1
