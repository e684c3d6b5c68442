"""The payment history beside the postings: numbers, gathering, and sums equal to the ledger."""

import asyncio
from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import asyncpg
import pytest

from ledger.call import CallFilter
from ledger.entry import Entry, SettledCall
from ledger.history.opening import Opening, mark_row, open_row
from ledger.history.reader import History
from ledger.history.row import HistoryFilter, HistoryRow
from ledger.journal import Journal
from ledger.migrate import migrate, migrations
from ledger.pool import Pool, open_pool
from ledger.price_book import price_book_document
from ledger.shards import Shards
from ledger.tariffs import Tariffs
from ledger.tenant import Tenant, TenantChanges
from ledger.tenants import Tenants
from ledger.transaction import transact
from tests.integration.ledger.samples import (
    balance,
    new_tenant,
    overrun_call,
    posted_debit,
    settled_call,
)

pytestmark = pytest.mark.usefixtures("acme", "shards")
ALL = HistoryFilter()

GUARDS = ("calls_per_minute", "caller_daily_limit_micros", "call_length_limit_ms")


@pytest.fixture
def history(pool: Pool) -> History:
    return History(pool)


async def rows_of(history: History, tenant: str = "acme", **asked: Any) -> list[HistoryRow]:
    """All rows by number."""
    return list(await history.rows(tenant, HistoryFilter(**asked), 10_000))[::-1]


def shape(row: HistoryRow) -> tuple[int, str, str, int, int]:
    """What most tests compare."""
    return row.number, row.kind, f"{row.day:%m-%d}", row.amount_micros, row.calls


async def test_what_calls_were_charged_stands_in_the_history_as_in_their_postings(
    pool: Pool, history: History
) -> None:
    reports: dict[str, Any] = {"cost": (("llm", 40_000), ("analytics", 6_000)), "spend_by_day": ()}
    free: dict[str, Any] = {"cost": (), "rated_micros": 0, "charged_micros": 0, "spend_by_day": ()}
    plain: dict[str, Any] = {"cost": (("llm", 46_000),)}
    entries: list[Entry] = [
        settled_call(1),
        settled_call(2, **reports),
        settled_call(3, **free),
        settled_call(4, **plain),
        overrun_call(5, 1_000),  # less than its analytics
        overrun_call(6, 0),
    ]
    await Journal(pool).post(0, 1, entries)
    charged = [row.amount_micros for row in await rows_of(history)]
    assert charged == [-(44_000 + 40_000 + 46_000), -(2_000 + 6_000 + 1_000)]
    assert [row.calls for row in await rows_of(history)] == [3, 3]
    assert sum(charged) == await balance(pool)


async def test_a_call_of_a_tenant_that_does_not_exist_cannot_be_written(pool: Pool) -> None:
    """Calls refer to their tenant by what is counted of them."""
    await Journal(pool).post(0, 1, [settled_call(1)])
    async with pool.acquire() as connection:
        fields = await connection.fetchval(
            "SELECT string_agg(attname, ', ') FROM pg_attribute "
            "WHERE attrelid = 'calls'::regclass AND attnum > 0 AND attname <> 'tenant'"
        )
        with pytest.raises(asyncpg.ForeignKeyViolationError):
            await connection.execute(
                f"INSERT INTO calls (tenant, {fields}) SELECT 'nobody', {fields} FROM calls"
            )


async def test_charges_are_gathered_per_day_and_kind_and_the_rest_comes_one_by_one(
    pool: Pool, history: History, tenants: Tenants
) -> None:
    next_day = datetime(2026, 3, 3, 8, tzinfo=UTC)
    journal = Journal(pool)
    await tenants.credit("paid", "acme", 1_000_000, "cash")
    await journal.post(0, 1, [settled_call(1), settled_call(2)])
    await journal.post(0, 1, [posted_debit(3), settled_call(4, settled_at=next_day)])
    today = f"{datetime.now(UTC):%m-%d}"
    found = await rows_of(history)
    assert sorted(map(shape, found)) == [
        (1, "adjustment", today, 1_000_000, 0),
        (2, "calls", "03-02", -88_000, 2),
        (3, "analytics", "03-02", -4_000, 2),
        (4, "adjustment", today, -1_500, 0),  # of a group, what requests have moved comes first
        (5, "calls", "03-03", -44_000, 1),
        (6, "analytics", "03-03", -2_000, 1),
    ]
    assert [row.note for row in found if row.kind == "adjustment"] == ["cash", "returned"]
    assert sum(row.amount_micros for row in found) == await balance(pool)


async def test_a_row_keeps_its_number_when_its_day_goes_on(pool: Pool, history: History) -> None:
    later = datetime(2026, 3, 2, 20, tzinfo=UTC)
    await Journal(pool).post(0, 1, [settled_call(1)])
    (before, _) = await rows_of(history)
    await Journal(pool).post(0, 1, [settled_call(2, settled_at=later)])
    (after, _) = await rows_of(history)
    assert (after.number, after.amount_micros, after.at) == (1, -88_000, later)
    assert before.at < later


async def test_what_was_not_covered_comes_off_the_usage_first_and_off_analytics_last(
    pool: Pool, history: History
) -> None:
    charged = [46_000, 10_000, 2_000, 1_500, 0]
    await Journal(pool).post(
        0, 1, [overrun_call(n, micros) for n, micros in enumerate(charged, start=1)]
    )
    found = {row.kind: row.amount_micros for row in await rows_of(history)}
    assert found == {"calls": -(44_000 + 8_000), "analytics": -(2_000 * 3 + 1_500)}


async def test_a_free_call_is_counted_and_makes_no_row(pool: Pool, history: History) -> None:
    free: dict[str, Any] = {"cost": (), "rated_micros": 0, "charged_micros": 0, "spend_by_day": ()}
    answered = settled_call(1, elapsed_ms=2_000, **free)
    unanswered = settled_call(2, elapsed_ms=None, usage={}, **free)
    await Journal(pool).post(0, 1, [answered, unanswered])
    assert await rows_of(history) == []
    month = await history.month("acme", date(2026, 3, 1), date(2026, 3, 31))
    assert (month.handled, month.tokens, month.spent_micros) == (1, 2_340, 0)


async def test_a_group_that_fails_takes_no_number(
    pool: Pool, history: History, tenants: Tenants
) -> None:
    async def fail(connection: Any) -> None:
        await open_row(connection, "acme", Opening("a", "top_up", datetime.now(UTC), 5))
        raise RuntimeError

    with pytest.raises(RuntimeError):
        await transact(pool, fail)
    await tenants.credit("b", "acme", 5, "cash")
    assert [row.number for row in await rows_of(history)] == [1]


async def test_a_pending_row_has_its_number_and_the_posting_makes_it_succeeded(
    pool: Pool, history: History, tenants: Tenants
) -> None:
    opened_at = datetime(2026, 3, 1, 12, tzinfo=UTC)
    opening = Opening("paid", "top_up", opened_at, 700, "stripe", "https://pay.example/1")
    assert await transact(pool, lambda connection: open_row(connection, "acme", opening)) == 1
    (pending,) = await rows_of(history)
    assert (pending.status, pending.amount_micros, await balance(pool)) == ("pending", 700, 0)
    await tenants.credit("paid", "acme", 500, "what came")
    (paid,) = await rows_of(history)
    assert (paid.number, paid.kind, paid.status) == (1, "top_up", "succeeded")
    assert (paid.amount_micros, paid.provider, await balance(pool)) == (500, "stripe", 500)
    assert paid.at > opened_at
    assert paid.details_url == "https://pay.example/1"
    await transact(pool, lambda connection: mark_row(connection, "acme", "paid", "refunded"))
    assert [row.status for row in await rows_of(history)] == ["refunded"]


async def test_numbers_have_no_gaps_and_appear_in_order_when_many_post_at_once(
    pool: Pool, history: History, tenants: Tenants
) -> None:
    async def credit(number: int) -> None:
        await tenants.credit(f"c{number}", "acme", 10 + number, "cash")

    async def post() -> None:
        for n in range(1, 15):
            at = datetime(2026, 3, n, tzinfo=UTC)
            await Journal(pool).post(0, 1, [settled_call(n, settled_at=at)])

    seen: list[int] = []

    async def read() -> None:
        while len(seen) < 58:
            seen[:] = [row.number for row in await rows_of(history)]
            assert seen == list(range(1, len(seen) + 1))

    await asyncio.gather(post(), read(), *map(credit, range(30)))
    found = await rows_of(history)
    assert [row.number for row in found] == list(range(1, 59))
    assert sum(row.amount_micros for row in found) == await balance(pool)


async def test_a_settled_calls_day_is_fixed_whatever_zone_follows(
    pool: Pool, history: History
) -> None:
    late = datetime(2026, 3, 2, 22, 30, tzinfo=UTC)
    clock = [datetime(2026, 3, 2, 12, tzinfo=UTC)]
    tenants = Tenants(pool, lambda: clock[0])
    await tenants.update("a", "acme", TenantChanges(time_zone="Europe/Moscow"))
    await Journal(pool).post(0, 1, [settled_call(1, settled_at=late)])
    clock[0] += timedelta(days=1)
    await tenants.update("b", "acme", TenantChanges(time_zone="America/New_York"))
    next_late = late + timedelta(days=1)
    await Journal(pool).post(0, 1, [settled_call(2, settled_at=next_late)])
    days = [(row.day, row.kind) for row in await rows_of(history)]
    # The first is settled before Moscow's days begin, the second when they have.
    assert days == [
        (date(2026, 3, 2), "calls"),
        (date(2026, 3, 2), "analytics"),
        (date(2026, 3, 3), "calls"),
        (date(2026, 3, 3), "analytics"),
    ]


async def test_a_zone_that_only_the_servers_know_stops_no_posting(
    pool: Pool, history: History
) -> None:
    await pool.execute("UPDATE tenants SET time_zone = 'Mars/Olympus' WHERE id = 'acme'")
    await Journal(pool).post(0, 1, [settled_call(1)])
    assert (await rows_of(history))[0].day == date(2026, 3, 2)


async def test_rows_are_filtered_and_paged(pool: Pool, history: History, tenants: Tenants) -> None:
    calls = [settled_call(n, settled_at=datetime(2026, 3, n, 12, tzinfo=UTC)) for n in range(1, 11)]
    await Journal(pool).post(0, 1, calls)
    await tenants.credit("a", "acme", 1, "cash")
    await tenants.create("create-other", new_tenant("other"))
    await tenants.credit("a", "other", 2, "cash")
    march: dict[str, Any] = {"first_day": date(2026, 3, 4), "last_day": date(2026, 3, 5)}
    found = await rows_of(history, **march)
    assert {row.day.day for row in found} == {4, 5}
    assert len(await rows_of(history, **march, kinds=["calls"])) == 2
    assert [row.kind for row in await rows_of(history, kinds=["adjustment"])] == ["adjustment"]
    assert await rows_of(history, statuses=["pending"]) == []
    assert len(await rows_of(history, "other")) == 1
    pages = []
    before = 2**63 - 1
    while page := await history.rows("acme", ALL, 4, before):
        pages.append([row.number for row in page])
        before = page[-1].number
    assert [number for page in pages for number in page] == list(range(21, 0, -1))


async def test_a_row_opens_to_the_calls_that_it_gathers(pool: Pool, history: History) -> None:
    day_after = datetime(2026, 3, 3, 1, tzinfo=UTC)
    plain: dict[str, Any] = {"cost": (("llm", 46_000),), "analytics": False}
    entries: list[Entry] = [
        settled_call(1),
        settled_call(2, **plain),
        overrun_call(3, 2_000),
        settled_call(4, settled_at=day_after),
    ]
    await Journal(pool).post(0, 1, entries)
    opened: dict[tuple[str, int], set[str]] = {}
    for row in await rows_of(history):
        calls = await history.calls_of("acme", row.number, CallFilter(), 10)
        opened[row.kind, row.day.day] = {call.call_id for call in calls}
        assert row.calls == len(calls)
    assert opened == {
        ("calls", 2): {"call-1", "call-2"},
        ("analytics", 2): {"call-1", "call-3"},
        ("calls", 3): {"call-4"},
        ("analytics", 3): {"call-4"},
    }


class Oracle:
    """What the history must hold, kept in plain Python."""

    def __init__(self) -> None:
        self.numbers: dict[str, list[str]] = defaultdict(list)
        self.amounts: dict[tuple[str, str], int] = defaultdict(int)
        self.months: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0, 0])

    def move(self, tenant: str, key: str, amount: int) -> None:
        if amount and key not in self.numbers[tenant]:
            self.numbers[tenant].append(key)
        self.amounts[tenant, key] += amount

    def settle(self, call: SettledCall, zone: str) -> tuple[tuple[str, int], ...]:
        day = f"{call.settled_at.astimezone(ZoneInfo(zone)):%Y-%m-%d}"
        analytics = min(dict(call.cost).get("analytics", 0), call.charged_micros)
        month = self.months[call.tenant, day[:7]]
        month[0] += call.elapsed_ms is not None
        month[1] += sum(call.usage.get(meter, 0) for meter in TOKENS)
        month[2] += call.charged_micros
        return (
            (f"{day}/calls", analytics - call.charged_micros),
            (f"{day}/analytics", -analytics),
        )


TOKENS = ("llm_input_tokens", "llm_cached_tokens", "llm_output_tokens")
ZONES = {"acme": "UTC", "moscow": "Europe/Moscow", "apia": "Pacific/Apia"}


def random_call(random: Random, n: int) -> SettledCall:
    names = ("llm", "stt", "tts", "analytics")
    cost = tuple((name, random.randint(1, 9_000)) for name in names if random.random() < 0.7)
    rated = sum(amount for _, amount in cost)
    charged = random.choice([rated, rated, random.randint(0, rated)])
    usage = {meter: random.randint(0, 500) for meter in TOKENS if random.random() < 0.6}
    settled_at = datetime(2026, 2, 20, tzinfo=UTC) + timedelta(minutes=random.randint(0, 40_000))
    return settled_call(
        n,
        random.choice(list(ZONES)),
        cost=cost,
        rated_micros=rated,
        charged_micros=charged,
        overrun_micros=rated - charged,
        usage=usage,
        elapsed_ms=random.choice([None, 5_000]),
        settled_at=settled_at,
        spend_by_day=(),
    )


async def follow(random: Random, tenants: Tenants, journal: Journal, oracle: Oracle) -> None:
    """Posts random groups and credits, and tells the oracle."""
    n = 0
    for step in range(40):
        if random.random() < 0.3:
            tenant, amount = random.choice(list(ZONES)), random.randint(1, 10**6)
            await tenants.credit(f"credit-{step}", tenant, amount, "cash")
            oracle.move(tenant, f"credit-{step}", amount)
            continue
        group: list[Entry] = []
        for _ in range(random.randint(1, 12)):
            n += 1
            if random.random() < 0.2:
                group.append(posted_debit(n, f"debit-{n}"))
            else:
                group.append(random_call(random, n))
        await journal.post(0, 1, group)
        moves: dict[tuple[str, str], tuple[Any, int]] = {}
        for entry in group:
            if isinstance(entry, SettledCall):
                for key, amount in oracle.settle(entry, ZONES[entry.tenant]):
                    place = (entry.tenant, key)
                    at, known = moves.get(place, (entry.settled_at, 0))
                    if amount:
                        moves[place] = (max(at, entry.settled_at), known + amount)
            else:
                moves["acme", entry.request_id] = (datetime.now(UTC), -1_500)  # type: ignore[union-attr]
        # Within a group the rows are numbered by their times, calls before analytics.
        for (tenant, key), (_, amount) in sorted(
            moves.items(), key=lambda move: (move[1][0], move[0][1].endswith("/analytics"))
        ):
            oracle.move(tenant, key, amount)


@pytest.mark.parametrize("seed", range(6))
async def test_random_histories_equal_the_oracle_and_the_ledger(
    pool: Pool, history: History, tenants: Tenants, seed: int
) -> None:
    for tenant, zone in ZONES.items():
        if tenant != "acme":
            await tenants.create(f"create-{tenant}", new_tenant(tenant, time_zone=zone))
    oracle = Oracle()
    await follow(Random(seed), tenants, Journal(pool), oracle)
    for tenant in ZONES:
        found = await rows_of(history, tenant)
        amounts = {row.key: row.amount_micros for row in found}
        assert amounts == {key: oracle.amounts[tenant, key] for key in oracle.numbers[tenant]}
        assert [row.number for row in found] == list(range(1, len(found) + 1))
        assert sum(amounts.values()) == await balance(pool, tenant)
    for (tenant, month), (handled, tokens, spent) in oracle.months.items():
        first = date.fromisoformat(f"{month}-01")
        last = (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)
        totals = await history.month(tenant, first, last)
        assert (totals.handled, totals.tokens, totals.spent_micros) == (handled, tokens, spent)
        assert totals.ledger_micros == await balance(pool, tenant)


async def test_what_was_posted_before_there_was_a_history_gets_its_rows(
    empty_database: str, pool: Pool, tenants: Tenants, history: History, acme: Tenant
) -> None:
    """The same postings before and after the migration make the same rows."""
    steps = migrations()
    await migrate(empty_database, [step for step in steps if step.name < "0008"])
    old = await open_pool(empty_database)
    try:
        await Tariffs(old).put("price-book", price_book_document())
        await Shards(old).mark(0)
        entries: list[Entry] = [settled_call(1), overrun_call(2, 1_000), posted_debit(3)]
        await _create_as_before(old, "acme")
        await Tenants(old).credit("paid", "acme", 900, "cash")
        await tenants.credit("paid", "acme", 900, "cash")
        await Journal(pool).post(0, 1, entries)
        await _post_as_before(old, entries)
        await migrate(empty_database, steps)
        # Numbers apart: within a group they come in another order since.
        before = [row[1:5] + row[6:] for row in await rows_of(History(old)) if row.calls]
        after = [row[1:5] + row[6:] for row in await rows_of(history) if row.calls]
        assert before == after
        assert sum(row.amount_micros for row in await rows_of(History(old))) == await balance(old)
        assert [row.number for row in await rows_of(History(old))] == [1, 2, 3, 4]
        totals = [
            await History(each).month("acme", date(2026, 3, 1), date(2026, 3, 31))
            for each in (old, pool)
        ]
        assert totals[0] == totals[1]
        await Tenants(old).credit("more", "acme", 5, "cash")
        assert (await rows_of(History(old)))[-1].number == 5
    finally:
        await old.close()


async def _create_as_before(pool: Pool, tenant: str) -> None:
    """Creates a tenant where tenants have no guards yet."""
    for guard in GUARDS:
        await pool.execute(f"ALTER TABLE tenants ADD COLUMN {guard} bigint")
    await Tenants(pool).create(f"create-{tenant}", new_tenant(tenant))
    for guard in GUARDS:
        await pool.execute(f"ALTER TABLE tenants DROP COLUMN {guard}")


async def _post_as_before(pool: Pool, entries: list[Entry]) -> None:
    """Posts where calls have no day yet."""
    await pool.execute(
        "CREATE FUNCTION tenant_day(text, timestamptz) RETURNS date "
        "LANGUAGE sql AS $$ SELECT NULL::date $$; "
        "ALTER TABLE calls ADD COLUMN day date"
    )
    await Journal(pool).post(0, 1, entries)
    await pool.execute("ALTER TABLE calls DROP COLUMN day; DROP FUNCTION tenant_day")


async def test_a_number_is_never_given_twice(pool: Pool, tenants: Tenants) -> None:
    await tenants.credit("a", "acme", 5, "cash")
    with pytest.raises(asyncpg.UniqueViolationError, match="history"):
        await pool.execute(
            "INSERT INTO history (tenant, number, key, kind, status, day, at, amount_micros, "
            "calls, note) SELECT tenant, number, 'other', kind, status, day, at, amount_micros, "
            "calls, note FROM history"
        )


async def test_no_index_holds_what_every_charge_changes(pool: Pool) -> None:
    rows = await pool.fetch(
        "SELECT DISTINCT attname FROM pg_index JOIN pg_attribute ON attrelid = indrelid "
        "AND attnum = ANY (indkey) WHERE indrelid = 'history'::regclass"
    )
    indexed = {row["attname"] for row in rows}
    assert "day" in indexed
    assert not indexed & {"amount_micros", "calls", "at"}
