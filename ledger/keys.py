"""API keys in Postgres; a secret leaves this module once, when its key is created."""

from collections.abc import Sequence
from typing import Any

from ledger.api_key import ApiKey, KeyText, StoredKey, new_key_text, parse_key
from ledger.errors import ApiKeyUnknown, KeyReused
from ledger.pool import Connection, Pool, Row
from ledger.request import INSTALLATION, Request, content_digest, once
from ledger.sql import statements
from ledger.transaction import reading, transact

SQL = statements("keys")


class ApiKeys:
    """Every method raises LedgerUnavailable; repeats of a request id follow its first result."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def create(
        self, request_id: str, name: str, scopes: Sequence[str]
    ) -> tuple[ApiKey, str | None]:
        """Makes a key and returns its text; a repeat returns the key without it.

        Raises KeyReused, NotAllowed.
        """
        digest = content_digest("create key", name, list(scopes))
        request = Request(INSTALLATION, request_id, digest)
        text = new_key_text()

        async def work(connection: Connection) -> tuple[ApiKey, str | None]:
            async def insert() -> dict[str, Any]:
                await _insert(connection, text, name, scopes)
                return {"key_id": text.key_id}

            response, first = await once(connection, request, insert)
            stored = await _find(connection, response["key_id"])
            return stored.key, str(text) if first else None

        return await transact(self._pool, work)

    async def adopt(self, text: str, name: str, scopes: Sequence[str]) -> ApiKey:
        """Takes a key whose text the operator chose; does nothing when it is there already.

        Raises ApiKeyMalformed, NotAllowed, and KeyReused when the key id is taken by another
        secret, name or scopes.
        """
        chosen = parse_key(text)

        async def work(connection: Connection) -> ApiKey:
            await _insert(connection, chosen, name, scopes)
            stored = await _find(connection, chosen.key_id)
            known = (stored.secret_sha256, stored.key.name, stored.key.scopes)
            if known != (chosen.secret_sha256, name, tuple(scopes)):
                raise KeyReused("the key id is taken by another key")
            return stored.key

        return await transact(self._pool, work)

    async def find(self, key_id: str) -> StoredKey | None:
        """One key, revoked or not; None when there is none."""
        async with reading(self._pool) as connection:
            row = await connection.fetchrow(SQL["find_key"], key_id)
        return None if row is None else _stored(row)

    async def list(self) -> Sequence[ApiKey]:
        """All keys by creation."""
        async with reading(self._pool) as connection:
            rows = await connection.fetch(SQL["list_keys"])
        return [_stored(row).key for row in rows]

    async def revoke(self, request_id: str, key_id: str) -> ApiKey:
        """Ends a key; one that is revoked keeps its first time. Raises ApiKeyUnknown, KeyReused."""
        request = Request(INSTALLATION, request_id, content_digest("revoke key", key_id))

        async def work(connection: Connection) -> ApiKey:
            async def revoke() -> dict[str, Any]:
                await connection.execute(SQL["revoke_key"], key_id)
                return {}

            await once(connection, request, revoke)
            return (await _find(connection, key_id)).key

        return await transact(self._pool, work)


async def _insert(connection: Connection, text: KeyText, name: str, scopes: Sequence[str]) -> None:
    await connection.execute(SQL["insert_key"], text.key_id, name, list(scopes), text.secret_sha256)


async def _find(connection: Connection, key_id: str) -> StoredKey:
    row = await connection.fetchrow(SQL["find_key"], key_id)
    if row is None:
        raise ApiKeyUnknown("there is no such API key")
    return _stored(row)


def _stored(row: Row) -> StoredKey:
    key = ApiKey(
        row["key_id"], row["name"], tuple(row["scopes"]), row["created_at"], row["revoked_at"]
    )
    return StoredKey(key, row["secret_sha256"])
