"""The connections to Postgres: bounded in number, and every statement bounded in time."""

import json
from typing import TypeAlias

import asyncpg
import asyncpg.pool

from ledger.driver_errors import driver_errors
from ledger.errors import LedgerUnavailable

Pool: TypeAlias = "asyncpg.Pool[asyncpg.Record]"
Row: TypeAlias = asyncpg.Record
Connection: TypeAlias = "asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"

CONNECT_TIMEOUT_S = 5.0
IDLE_IN_TRANSACTION_MS = 15_000
_JSONB_VERSION = b"\x01"


async def open_pool(
    dsn: str, *, min_size: int = 1, max_size: int = 10, statement_timeout_ms: int = 5_000
) -> Pool:
    """Connects; LedgerUnavailable when that fails. Close the pool with `await pool.close()`.

    A statement that takes longer than `statement_timeout_ms` fails, and a session that holds a
    transaction open without a word is ended by the server.
    """
    try:
        with driver_errors():
            return await asyncpg.create_pool(
                dsn,
                min_size=min_size,
                max_size=max_size,
                timeout=CONNECT_TIMEOUT_S,
                # The server gives up first, so that its answer tells what happened.
                command_timeout=statement_timeout_ms / 1_000 + 1,
                server_settings={
                    "application_name": "tollgate",
                    "statement_timeout": str(statement_timeout_ms),
                    "idle_in_transaction_session_timeout": str(IDLE_IN_TRANSACTION_MS),
                    "timezone": "UTC",
                },
                init=_prepare,
            )
    except (LedgerUnavailable, asyncpg.PostgresError, ValueError) as error:
        cause = error.__cause__ or error
        # The address is left out: it may hold a password.
        raise LedgerUnavailable(f"cannot connect to Postgres: {cause}") from error


async def _prepare(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    await connection.set_type_codec(
        "jsonb", encoder=_jsonb, decoder=_from_jsonb, schema="pg_catalog", format="binary"
    )


def _jsonb(value: object) -> bytes:
    """What Postgres takes for jsonb, COPY included; bytes are JSON already."""
    text = value if isinstance(value, bytes) else json.dumps(value).encode()
    return _JSONB_VERSION + text


def _from_jsonb(sent: bytes) -> object:
    return json.loads(sent[len(_JSONB_VERSION) :])
