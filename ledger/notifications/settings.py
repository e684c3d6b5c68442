"""Notification settings in Postgres: read, changed, and the secrets that sign posts."""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from ledger.errors import UnknownTenant
from ledger.notifications.preferences import Preferences
from ledger.pool import Connection, Pool
from ledger.request import Request, content_digest, once
from ledger.sql import statements
from ledger.transaction import reading, transact

SQL = statements("notifications")

SECRET_BYTES = 32
OLD_SECRET_SIGNS_FOR = timedelta(days=1)


class Changed(NamedTuple):
    """Settings after a change; `secret` is one that was made by it, shown once."""

    preferences: Preferences
    secret: str


class Rotated(NamedTuple):
    """A new secret, empty on a repeat, and until when the old one signs too."""

    secret: str
    old_until: datetime | None


def _now() -> datetime:
    return datetime.now(UTC)


class NotificationSettings:
    """Settings of one tenant at a time. A mutation that repeats its request id returns the first
    result without its secret, and raises KeyReused when its content differs. Every method raises
    LedgerUnavailable and UnknownTenant.
    """

    def __init__(self, pool: Pool, clock: Callable[[], datetime] = _now) -> None:
        self._pool = pool
        self._clock = clock

    async def get(self, tenant: str) -> Preferences:
        """What the tenant wants, or what it gets while it has not said."""
        async with reading(self._pool) as connection:
            row = await connection.fetchrow(SQL["find_settings"], tenant)
        if row is None:
            raise _unknown()
        return Preferences() if row["emails"] is None else Preferences.of(dict(row))

    async def update(
        self, request_id: str, tenant: str, changes: Mapping[str, Any], check: "Check"
    ) -> Changed:
        """Changes some of FIELDS; `check` gets the settings as they would be, and may raise."""
        digest = content_digest("update notification settings", dict(changes))
        made: list[str] = []

        async def work(connection: Connection) -> Changed:
            made.clear()

            async def change() -> dict[str, Any]:
                before = await _lock(connection, tenant)
                after = before.changed(changes)
                check(after)
                if after.webhook_url and after.webhook_secret_made_at is None:
                    made.append(_new_secret())
                    after = replace(after, webhook_secret_made_at=self._clock())
                await _store(connection, tenant, after, "".join(made))
                return after.to_document()

            request = Request(tenant, request_id, digest)
            response, is_new = await once(connection, request, change)
            return Changed(Preferences.of(response), made[0] if is_new and made else "")

        return await transact(self._pool, work)

    async def rotate_secret(self, request_id: str, tenant: str) -> Rotated:
        """Makes a new secret; posts are signed with the old one as well for a day."""
        secret = _new_secret()

        async def work(connection: Connection) -> Rotated:
            async def rotate() -> dict[str, Any]:
                before = await _lock(connection, tenant)
                at = self._clock()
                until = at + OLD_SECRET_SIGNS_FOR if before.webhook_secret_made_at else None
                await connection.execute(SQL["store_secret"], tenant, secret, at, until)
                return {"until": until and until.isoformat()}

            request = Request(tenant, request_id, content_digest("rotate webhook secret"))
            response, is_new = await once(connection, request, rotate)
            until = response["until"]
            old_until = None if until is None else datetime.fromisoformat(until)
            return Rotated(secret if is_new else "", old_until)

        return await transact(self._pool, work)


Check = Callable[[Preferences], None]


def _new_secret() -> str:
    return f"whsec_{secrets.token_hex(SECRET_BYTES)}"


async def _lock(connection: Connection, tenant: str) -> Preferences:
    """The settings, stored from now on. Raises UnknownTenant."""
    if not await connection.fetchval(SQL["find_tenant"], tenant):
        raise _unknown()
    await connection.execute(SQL["insert_settings"], tenant)
    row = await connection.fetchrow(SQL["lock_settings"], tenant)
    assert row is not None, "settings are never removed"
    return Preferences.of(dict(row))


async def _store(connection: Connection, tenant: str, after: Preferences, secret: str) -> None:
    """Stores everything, and a new secret if there is one."""
    await connection.execute(
        SQL["update_settings"],
        tenant,
        list(after.emails),
        after.telegram_enabled,
        after.telegram_chat_id,
        after.telegram_error,
        after.webhook_url,
        after.webhook_secret_made_at,
        after.language,
        list(after.events),
        secret,
    )


def _unknown() -> UnknownTenant:
    return UnknownTenant("there is no such tenant")
