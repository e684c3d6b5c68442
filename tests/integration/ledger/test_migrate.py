"""The schema is the sum of its migrations, applied once each, whoever comes first."""

import asyncio

import asyncpg
import pytest

from ledger.errors import LedgerUnavailable, MigrationRefused
from ledger.migrate import Migration, migrate, migrations
from ledger.pool import open_pool

_SHAPE = """
SELECT 'column' AS kind, table_name || '.' || column_name AS name,
       data_type || ' ' || is_nullable || ' ' || coalesce(column_default, '') AS definition
FROM information_schema.columns WHERE table_schema = 'public'
UNION ALL
SELECT 'constraint', conrelid::regclass || '.' || conname, pg_get_constraintdef(oid)
FROM pg_constraint WHERE connamespace = 'public'::regnamespace
UNION ALL
SELECT 'index', indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'
UNION ALL
SELECT 'trigger', tgrelid::regclass || '.' || tgname, pg_get_triggerdef(oid)
FROM pg_trigger WHERE NOT tgisinternal
UNION ALL
SELECT 'function', proname, prosrc FROM pg_proc WHERE pronamespace = 'public'::regnamespace
ORDER BY 1, 2, 3
"""


async def shape(dsn: str) -> list[tuple[str, ...]]:
    connection = await asyncpg.connect(dsn)
    try:
        return [tuple(row) for row in await connection.fetch(_SHAPE)]
    finally:
        await connection.close()


async def test_the_schema_equals_the_sum_of_the_migrations(
    empty_database: str, database: str
) -> None:
    everything = "".join(step.sql for step in migrations())
    connection = await asyncpg.connect(empty_database)
    await connection.execute(everything)
    await connection.close()
    migrated = [part for part in await shape(database) if "migrations" not in part[1]]
    assert await shape(empty_database) == migrated
    assert len(migrated) > 100


async def test_a_second_run_changes_nothing(empty_database: str) -> None:
    names = [step.name for step in migrations()]
    assert await migrate(empty_database) == names
    first = await shape(empty_database)
    assert await migrate(empty_database) == []
    assert await shape(empty_database) == first


async def test_a_second_runner_at_the_same_time_is_harmless(empty_database: str) -> None:
    runs = await asyncio.gather(*(migrate(empty_database) for _ in range(4)))
    names = [step.name for step in migrations()]
    assert sorted(runs, key=len) == [[], [], [], names]


async def test_an_applied_file_that_was_changed_is_refused(empty_database: str) -> None:
    step = Migration("0001_a.sql", "CREATE TABLE a (id int)")
    await migrate(empty_database, [step])
    with pytest.raises(MigrationRefused, match=r"0001_a\.sql was changed"):
        await migrate(empty_database, [step._replace(sql="CREATE TABLE b (id int)")])


async def test_a_database_of_a_newer_release_is_refused(empty_database: str) -> None:
    steps = [Migration(f"000{n}_a.sql", f"CREATE TABLE a{n} (id int)") for n in (1, 2)]
    await migrate(empty_database, steps)
    with pytest.raises(MigrationRefused, match="newer release"):
        await migrate(empty_database, steps[:1])


async def test_a_migration_cannot_be_slipped_in_before_an_applied_one(empty_database: str) -> None:
    await migrate(empty_database, [Migration("0002_a.sql", "SELECT 1")])
    steps = [Migration("0001_late.sql", "SELECT 1"), Migration("0002_a.sql", "SELECT 1")]
    with pytest.raises(MigrationRefused, match="comes before an applied one"):
        await migrate(empty_database, steps)


async def test_a_migration_that_fails_leaves_nothing(empty_database: str) -> None:
    steps = [Migration("0001_a.sql", "CREATE TABLE a (id int); SELECT 1 / 0")]
    with pytest.raises(asyncpg.DivisionByZeroError):
        await migrate(empty_database, steps)
    assert "a.id" not in [part[1] for part in await shape(empty_database)]
    assert await migrate(empty_database, [Migration("0001_a.sql", "SELECT 1")]) == ["0001_a.sql"]


async def test_a_server_that_is_away_is_told_without_its_address(database: str) -> None:
    nowhere = "postgresql://postgres:hush@127.0.0.1:1/postgres"
    with pytest.raises(LedgerUnavailable):
        await migrate(nowhere)
    with pytest.raises(LedgerUnavailable, match="cannot connect to Postgres") as raised:
        await open_pool(nowhere)
    assert "hush" not in str(raised.value)
    with pytest.raises(LedgerUnavailable, match="cannot connect"):
        await open_pool(database.replace("/ledger_", "/not_there_"))


async def test_events_of_before_notifications_are_kept_and_told_to_nobody(
    empty_database: str,
) -> None:
    before = [step for step in migrations() if step.name < "0017"]
    await migrate(empty_database, before)
    connection = await asyncpg.connect(empty_database)
    await connection.execute(
        "INSERT INTO events (shard, epoch, n, tenant, kind, at)"
        " SELECT 0, 1, n, 'acme', 'low_balance', now() FROM generate_series(1, 3) AS n"
    )
    await migrate(empty_database)
    rows = await connection.fetch("SELECT id, details FROM events")
    assert len({row["id"] for row in rows}) == 3
    assert await connection.fetchval("SELECT count(*) FROM notifications") == 0
    await connection.close()
