"""The durable queue between events and channels: claimed with a lease, marked with the outcome.

A claim pushes a notification's next attempt behind its lease. Who claimed it and dies has lost
nothing: it is due again when the lease ends, and maybe sent twice, under the same event id.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from ledger.notifications.event import Kind
from ledger.notifications.notification import Channel
from ledger.pool import Connection, Pool, Row
from ledger.sql import statements
from ledger.transaction import reading, transact

SQL = statements("notifications")

# Longer than any attempt may take.
LEASE = timedelta(minutes=2)
KEPT_FOR = timedelta(days=90)
FORGOTTEN_AT_ONCE = 1_000


class Delivery(NamedTuple):
    """One attempt that was claimed. `target` is where the tenant's settings send it now, empty when
    they do not any more; `secrets` sign posts, the newest first.
    """

    id: str
    event: str
    kind: Kind
    at: datetime
    details: Mapping[str, Any]
    tenant: str
    tenant_name: str
    currency: str
    time_zone: str
    language: str
    channel: Channel
    target: str
    secrets: tuple[str, ...]
    attempts: int
    queued_at: datetime


def _now() -> datetime:
    return datetime.now(UTC)


class NotificationQueue:
    """Hands out what is due, and notes what became of it. A note of an attempt whose lease ended
    and that another took over changes nothing, unless it was sent. Every method raises
    LedgerUnavailable.
    """

    def __init__(self, pool: Pool, clock: Callable[[], datetime] = _now) -> None:
        self._pool, self.clock = pool, clock

    async def claim(self, channel: Channel, limit: int) -> Sequence[Delivery]:
        """At most `limit` that are due, the longest due first; nobody else gets them meanwhile."""
        now = self.clock()
        async with reading(self._pool) as connection:
            rows = await connection.fetch(SQL["claim"], channel, now, now + LEASE, limit)
        return [_delivery(row, now) for row in rows]

    async def sent(self, delivery: Delivery) -> None:
        """The receiver took it; a document knows from then on that it was sent."""
        now = self.clock()

        async def work(connection: Connection) -> None:
            await connection.execute(SQL["mark_sent"], delivery.id, now, delivery.target)
            if delivery.kind is Kind.DOCUMENT_ISSUED:
                document = delivery.details["document"]
                await connection.execute(SQL["document_sent"], document, now)

        await transact(self._pool, work)

    async def later(self, delivery: Delivery, due_at: datetime, why: str) -> None:
        """It did not get through, and is tried again."""
        await self._mark("mark_later", delivery, due_at, why)

    async def dead(self, delivery: Delivery, why: str) -> None:
        """It is not tried any more."""
        await self._mark("mark_dead", delivery, why)

    async def put_back(self, delivery: Delivery, due_at: datetime) -> None:
        """It was not tried, because its channel has to wait."""
        await self._mark("put_back", delivery, due_at)

    async def _mark(self, statement: str, delivery: Delivery, *values: object) -> None:
        async with reading(self._pool) as connection:
            await connection.execute(SQL[statement], delivery.id, delivery.attempts, *values)

    async def switch_telegram_off(self, delivery: Delivery, why: str) -> None:
        """The tenant's chat cannot be written to; unless it has another one by now."""
        async with reading(self._pool) as connection:
            await connection.execute(
                SQL["switch_telegram_off"], delivery.tenant, delivery.target, why
            )

    async def move_chat(self, delivery: Delivery, chat_id: str) -> None:
        """The tenant's chat has another number now."""
        async with reading(self._pool) as connection:
            await connection.execute(SQL["move_chat"], delivery.tenant, delivery.target, chat_id)

    async def depth(self) -> Mapping[Channel, int]:
        """How many wait, by channel."""
        return await self._count("depth")

    async def dead_count(self) -> Mapping[Channel, int]:
        """How many were given up, by channel."""
        return await self._count("dead_count")

    async def _count(self, statement: str) -> Mapping[Channel, int]:
        async with reading(self._pool) as connection:
            rows = await connection.fetch(SQL[statement])
        found = {row["channel"]: row["count"] for row in rows}
        return {channel: found.get(channel, 0) for channel in Channel}

    async def forget(self) -> int:
        """Removes what was done with long ago, a portion at a time; how many."""
        before = self.clock() - KEPT_FOR
        async with reading(self._pool) as connection:
            status = await connection.execute(SQL["forget"], before, FORGOTTEN_AT_ONCE)
        return int(status.removeprefix("DELETE "))


def _delivery(row: Row, now: datetime) -> Delivery:
    starts_at = row["zone_starts_at"]
    zone_changed = starts_at is not None and starts_at <= now
    return Delivery(
        id=row["id"],
        event=row["event"],
        kind=Kind(row["kind"]),
        at=row["at"],
        details=row["details"],
        tenant=row["tenant"],
        tenant_name=row["name"],
        currency=row["currency"],
        time_zone=row["next_time_zone"] if zone_changed else row["time_zone"],
        language=row["language"] or "en",
        channel=Channel(row["channel"]),
        target=_target(row),
        secrets=_secrets(row, now),
        attempts=row["attempts"],
        queued_at=row["queued_at"],
    )


def _target(row: Row) -> str:
    receiver: str = row["receiver"]
    if row["kind"] == Kind.DOCUMENT_ISSUED:
        return receiver
    if row["channel"] == Channel.EMAIL:
        return receiver if receiver in (row["emails"] or ()) else ""
    if row["channel"] == Channel.TELEGRAM:
        return (row["telegram_chat_id"] or "") if row["telegram_enabled"] else ""
    return row["webhook_url"] or ""


def _secrets(row: Row, now: datetime) -> tuple[str, ...]:
    old_until = row["old_webhook_secret_until"]
    old = [row["old_webhook_secret"]] if old_until is not None and old_until > now else []
    return tuple(secret for secret in (row["webhook_secret"], *old) if secret)
