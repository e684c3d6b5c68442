"""Bare inserts: the rows that a drain wrote, written again into copies of their tables."""

import time
from typing import Any, NamedTuple

# As many calls as the poster puts into one group.
GROUP = 500
TABLES = ("calls", "postings")
# Everything that an index or a check makes an insert cost, and no trigger.
COPY_TABLE = """
CREATE TABLE bare_{0} (LIKE {0} INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING INDEXES)
"""
COLUMNS = """
SELECT attname AS name, format_type(atttypid, NULL) AS type FROM pg_attribute
WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum
"""


class Inserted(NamedTuple):
    """How many rows, and how long it took."""

    rows: int
    seconds: float


async def insert_bare(connection: Any, prefix: str) -> Inserted:
    """Insert the rows of the calls whose ids begin with the prefix, a transaction for each group.
    The arrays are made before the clock runs.
    """
    prepared = []
    try:
        for table in TABLES:
            await connection.execute(COPY_TABLE.format(table))
            prepared.append(await _prepare(connection, table, prefix))
        groups = list(zip(*(portions for _, portions in prepared), strict=True))
        started = time.perf_counter()
        for group in groups:
            async with connection.transaction():
                for (statement, _), columns in zip(prepared, group, strict=True):
                    await connection.execute(statement, *columns)
        seconds = time.perf_counter() - started
        rows = 0
        for table in TABLES:
            rows += await connection.fetchval(f"SELECT count(*) FROM bare_{table}")
        return Inserted(rows, seconds)
    finally:
        for table in TABLES:
            await connection.execute(f"DROP TABLE IF EXISTS bare_{table}")


async def _prepare(
    connection: Any, table: str, prefix: str
) -> tuple[str, list[tuple[list[Any], ...]]]:
    """The statement, and its arrays for each group of calls in the order of their numbers."""
    fields = await connection.fetch(COLUMNS, table)
    names = [field["name"] for field in fields]
    types = [field["type"] for field in fields]
    # JSON travels as text, as the poster sends it.
    sent = ["text" if each == "jsonb" else each for each in types]
    selected = ", ".join(
        f"{name}::text" if each == "jsonb" else name
        for name, each in zip(names, types, strict=True)
    )
    inserted = ", ".join(
        f"{name}::jsonb" if each == "jsonb" else name
        for name, each in zip(names, types, strict=True)
    )
    arrays = ", ".join(f"${i}::{each}[]" for i, each in enumerate(sent, start=1))
    statement = (
        f"INSERT INTO bare_{table} ({', '.join(names)}) "
        f"SELECT {inserted} FROM unnest({arrays}) AS rows ({', '.join(names)})"
    )
    rows = await connection.fetch(
        f"SELECT {selected} FROM {table} WHERE call_id LIKE $1 ORDER BY n", f"{prefix}-%"
    )
    groups: dict[int, list[Any]] = {}
    numbers = await connection.fetch(
        "SELECT call_id, n FROM calls WHERE call_id LIKE $1 ORDER BY n", f"{prefix}-%"
    )
    group_of = {row["call_id"]: i // GROUP for i, row in enumerate(numbers)}
    for row in rows:
        groups.setdefault(group_of[row["call_id"]], []).append(row)
    portions = [
        tuple([row[i] for row in groups[group]] for i in range(len(names)))
        for group in sorted(groups)
    ]
    return statement, portions
