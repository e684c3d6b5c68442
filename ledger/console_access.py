"""The way into the console: links that sign in once, and which sessions were ended."""

import hashlib
import secrets
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from ledger.errors import UnknownTenant
from ledger.pool import Connection, Pool
from ledger.request import INSTALLATION, Request, content_digest, once
from ledger.sql import statements
from ledger.transaction import reading, transact

SQL = statements("console")
TENANT_SQL = statements("tenants")

LINK_LASTS = timedelta(minutes=10)
_TOKEN_BYTES = 32


class Link(NamedTuple):
    """A link that was made; `token` is None on a repeat."""

    token: str | None
    expires_at: datetime


class Opened(NamedTuple):
    """Whose rights a used link gives: the key's, or those of one tenant."""

    key_id: str
    tenant_id: str | None


class ConsoleAccess:
    """Only digests of links are kept. Every method raises LedgerUnavailable."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def create_link(self, request_id: str, key_id: str, tenant_id: str | None) -> Link:
        """Makes a link; a repeat returns it without its token. Raises UnknownTenant, KeyReused."""
        request = _request(request_id, key_id, tenant_id)
        token, expires_at = secrets.token_urlsafe(_TOKEN_BYTES), datetime.now(UTC) + LINK_LASTS

        async def work(connection: Connection) -> Link:
            async def insert() -> dict[str, Any]:
                await _require_tenant(connection, tenant_id)
                await connection.execute(SQL["forget_expired_links"])
                await connection.execute(
                    SQL["insert_link"], _digest(token), key_id, tenant_id, expires_at
                )
                return {"expires_at": expires_at.isoformat()}

            response, first = await once(connection, request, insert)
            return Link(token if first else None, datetime.fromisoformat(response["expires_at"]))

        return await transact(self._pool, work)

    async def use_link(self, token: str) -> Opened | None:
        """What a link opens; None when there is no such link, it was used, or it is too old."""

        async def work(connection: Connection) -> Opened | None:
            row = await connection.fetchrow(SQL["use_link"], _digest(token))
            if row is None or not row["valid"]:
                return None
            return Opened(row["key_id"], row["tenant_id"])

        return await transact(self._pool, work)

    async def end_session(self, session_id: str, forget_at: datetime) -> None:
        """Ends a session wherever its cookie is; remembered until the cookie is too old anyway."""

        async def work(connection: Connection) -> None:
            await connection.execute(SQL["forget_ended_sessions"])
            await connection.execute(SQL["end_session"], session_id, forget_at)

        await transact(self._pool, work)

    async def ended_sessions(self) -> frozenset[str]:
        """The sessions that were ended and are not too old anyway."""
        async with reading(self._pool) as connection:
            rows = await connection.fetch(SQL["list_ended_sessions"])
        return frozenset(row["session_id"] for row in rows)


def _request(request_id: str, key_id: str, tenant_id: str | None) -> Request:
    digest = content_digest("create console link", key_id, tenant_id)
    if tenant_id is not None:
        return Request(tenant_id, request_id, digest)
    # Keys of tenants ask this too; what others called their requests is none of their business.
    return Request(INSTALLATION, f"{key_id}/{request_id}", digest)


async def _require_tenant(connection: Connection, tenant_id: str | None) -> None:
    if tenant_id is None:
        return
    if await connection.fetchrow(TENANT_SQL["find_tenant"], tenant_id) is None:
        raise UnknownTenant("there is no such tenant")


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
