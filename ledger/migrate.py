"""Brings the schema forward: applies the migrations that are missing, each once, in order.

A runner of our own, because it is one page: the files are plain SQL, the lock is an advisory
lock of Postgres, and nothing else has to be installed where the service runs.
"""

import hashlib
from collections.abc import Iterable, Sequence
from importlib.resources import files
from typing import NamedTuple

import asyncpg

from ledger.driver_errors import driver_errors
from ledger.errors import MigrationRefused

# Any fixed number that nothing else in the database locks.
MIGRATION_LOCK = 7_020_310_001
CONNECT_TIMEOUT_S = 5.0
STATEMENT_TIMEOUT_S = 600.0

_CREATE_TABLE = """
CREATE TABLE IF NOT EXISTS migrations (
    name       text PRIMARY KEY,
    sha256     text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
)
"""


class Migration(NamedTuple):
    """One file: its name, and the SQL that takes the schema one step forward."""

    name: str
    sql: str

    @property
    def sha256(self) -> str:
        """The checksum that is kept with the name."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


def migrations() -> list[Migration]:
    """The migrations of this release, in order."""
    found = (file for file in files("ledger.migrations").iterdir() if file.name.endswith(".sql"))
    return sorted(Migration(file.name, file.read_text("utf-8")) for file in found)


async def migrate(dsn: str, steps: Sequence[Migration] | None = None) -> list[str]:
    """Applies what is missing and returns the names; a second runner waits for the first.

    Raises MigrationRefused when an applied file has changed or is unknown here, and
    LedgerUnavailable when Postgres does not answer.
    """
    steps = migrations() if steps is None else steps
    with driver_errors():
        connection = await asyncpg.connect(
            dsn, timeout=CONNECT_TIMEOUT_S, command_timeout=STATEMENT_TIMEOUT_S
        )
        try:
            await connection.execute("SELECT pg_advisory_lock($1)", MIGRATION_LOCK)
            await connection.execute(_CREATE_TABLE)
            rows = await connection.fetch("SELECT name, sha256 FROM migrations")
            return await _apply(connection, missing(steps, rows))
        finally:
            await connection.close(timeout=CONNECT_TIMEOUT_S)


def missing(
    steps: Sequence[Migration], applied: "Iterable[Sequence[str] | asyncpg.Record]"
) -> list[Migration]:
    """The steps that are not applied yet; MigrationRefused when the applied ones do not fit."""
    checksums = {str(name): str(sha256) for name, sha256 in applied}
    for step in steps:
        if checksums.get(step.name, step.sha256) != step.sha256:
            raise MigrationRefused(f"migration {step.name} was changed after it was applied")
    unknown = checksums.keys() - {step.name for step in steps}
    if unknown:
        raise MigrationRefused(
            f"the database was migrated by a newer release: {', '.join(sorted(unknown))}"
        )
    remaining = [step for step in steps if step.name not in checksums]
    if remaining and checksums and remaining[0].name < max(checksums):
        raise MigrationRefused(f"migration {remaining[0].name} comes before an applied one")
    return remaining


async def _apply(
    connection: "asyncpg.Connection[asyncpg.Record]", steps: Iterable[Migration]
) -> list[str]:
    applied = []
    for step in steps:
        async with connection.transaction():
            await connection.execute(step.sql)
            await connection.execute(
                "INSERT INTO migrations (name, sha256) VALUES ($1, $2)", step.name, step.sha256
            )
        applied.append(step.name)
    return applied
