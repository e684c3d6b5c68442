"""One transaction, from a connection to its commit, with bounded waits and repeats."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

import asyncpg

from ledger.driver_errors import driver_errors
from ledger.pool import Connection, Pool

Result = TypeVar("Result")

ACQUIRE_TIMEOUT_S = 5.0
MAX_ATTEMPTS = 5

# Both mean that another transaction was in the way and that nothing was done.
_IN_THE_WAY = (asyncpg.SerializationError, asyncpg.DeadlockDetectedError)


async def transact(pool: Pool, work: Callable[[Connection], Awaitable[Result]]) -> Result:
    """Does `work` in one transaction. It is repeated as a whole after a deadlock, so it must
    have no effect outside the database. Raises LedgerUnavailable when the outcome is unknown.
    """
    with driver_errors():
        for _ in range(MAX_ATTEMPTS - 1):
            try:
                return await _attempt(pool, work)
            except _IN_THE_WAY:
                continue
            except asyncpg.UniqueViolationError as error:
                # Somebody answered the same request between our look and our write.
                if error.constraint_name != "requests_pkey":
                    raise
        return await _attempt(pool, work)


async def _attempt(pool: Pool, work: Callable[[Connection], Awaitable[Result]]) -> Result:
    async with pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection, connection.transaction():
        return await work(connection)


@asynccontextmanager
async def reading(pool: Pool) -> AsyncIterator[Connection]:
    """A connection for single statements, each of which reads one moment of the database."""
    with driver_errors():
        async with pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection:
            yield connection
