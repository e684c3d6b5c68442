"""Notifications as a tenant sees them: tested, listed, and tried anew."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from ledger.errors import AskedTooOften, NoChannel, NotificationUnknown, UnknownTenant, WrongState
from ledger.notifications.event import Kind, write_event
from ledger.notifications.notification import Channel, Notification, State
from ledger.pool import Connection, Pool, Row
from ledger.request import Request, content_digest, once
from ledger.sql import statements
from ledger.transaction import reading, transact

SQL = statements("notifications")

ASKED_AN_HOUR = 10
NEWEST = 2**63 - 1


def _now() -> datetime:
    return datetime.now(UTC)


class Notifications:
    """Notifications of one tenant at a time; those of others are not found. A mutation that
    repeats its request id returns the first result as it is now. Every method raises
    LedgerUnavailable.
    """

    def __init__(self, pool: Pool, clock: Callable[[], datetime] = _now) -> None:
        self._pool = pool
        self._clock = clock

    async def test(
        self, request_id: str, tenant: str, channels: Sequence[Channel] = ()
    ) -> Sequence[Notification]:
        """Queues a test for every receiver, or those of some channels. Raises UnknownTenant,
        NoChannel, AskedTooOften.
        """
        digest = content_digest("test notification", *sorted(channels))

        async def work(connection: Connection) -> Sequence[Notification]:
            async def write() -> dict[str, Any]:
                event = await self._write_test(connection, tenant)
                if channels:
                    # An event is queued for everybody; nobody has seen it yet.
                    await connection.execute(SQL["keep_channels"], event, list(channels))
                return {"event": event}

            request = Request(tenant, request_id, digest)
            response, _ = await once(connection, request, write)
            queued = await _of_event(connection, response["event"])
            if not queued:
                raise NoChannel("no channel is on: there is nobody to send a test to")
            return queued

        return await transact(self._pool, work)

    async def _write_test(self, connection: Connection, tenant: str) -> str:
        if not await connection.fetchval(SQL["find_tenant"], tenant):
            raise UnknownTenant("there is no such tenant")
        at = self._clock()
        await require_few(connection, tenant, Kind.TEST, at)
        return await write_event(connection, tenant, Kind.TEST, at, {})

    async def list(
        self, tenant: str, limit: int, before_n: int = NEWEST, states: Sequence[State] = ()
    ) -> Sequence[Notification]:
        """At most `limit`, the newest first, from the one before `before_n`."""
        async with reading(self._pool) as connection:
            rows = await connection.fetch(
                SQL["list"], tenant, before_n, list(states) or None, limit
            )
        return [_notification(row) for row in rows]

    async def retry(self, request_id: str, tenant: str, notification: str) -> Notification:
        """Queues a dead one again. Raises NotificationUnknown, WrongState."""

        async def work(connection: Connection) -> Notification:
            async def queue() -> dict[str, Any]:
                state = await connection.fetchval(SQL["lock"], tenant, notification)
                if state is not None and state != State.DEAD:
                    raise WrongState(f"the notification is {state}: only a dead one is retried")
                await connection.execute(SQL["queue_again"], notification, self._clock())
                return {}

            # Before the request is noted, so that another tenant's leaves no trace.
            await _find(connection, tenant, notification)
            digest = content_digest("retry notification", notification)
            await once(connection, Request(tenant, request_id, digest), queue)
            return await _find(connection, tenant, notification)

        return await transact(self._pool, work)


async def require_few(connection: Connection, tenant: str, kind: Kind, at: datetime) -> None:
    """Raises AskedTooOften: mail that is asked for must not be a way to flood somebody."""
    # Those who ask at the same time count each other.
    await connection.execute(SQL["lock_tenant"], tenant)
    sent = await connection.fetchval(SQL["count_lately"], tenant, kind, at - timedelta(hours=1))
    if sent >= ASKED_AN_HOUR:
        raise AskedTooOften(f"at most {ASKED_AN_HOUR} can be sent an hour")


async def _find(connection: Connection, tenant: str, notification: str) -> Notification:
    row = await connection.fetchrow(SQL["find"], tenant, notification)
    if row is None:
        raise NotificationUnknown("the tenant has no such notification")
    return _notification(row)


async def _of_event(connection: Connection, event: str) -> Sequence[Notification]:
    return [_notification(row) for row in await connection.fetch(SQL["of_event"], event)]


def _notification(row: Row) -> Notification:
    values = dict(row)
    values["kind"] = Kind(values["kind"])
    values["channel"], values["state"] = Channel(values["channel"]), State(values["state"])
    return Notification(**values)
