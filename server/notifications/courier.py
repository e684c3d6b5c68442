"""Carries notifications from the queue to their receivers, each channel on its own: a channel that
is slow or away keeps no other waiting, and nothing that charges waits for any.
"""

import asyncio
import random
from collections.abc import Callable
from datetime import UTC, datetime

import structlog

from ledger.errors import LedgerError
from ledger.notifications.notification import Channel
from ledger.notifications.queue import Delivery, NotificationQueue
from server.background.ending import end_tasks
from server.metrics import ALARMS, NOTIFICATION_DEPTH, NOTIFICATIONS
from server.notifications.channels import Channels
from server.notifications.outcome import Blocked, Failed, Moved, Outcome, Sent, Wait
from server.notifications.schedule import next_attempt

LOOK_EVERY_S = 0.5
TIDY_EVERY_S = 15.0
AT_ONCE = 20
# Everything that an attempt does has a shorter limit; the lease is longer.
ATTEMPT_TIMEOUT_S = 60.0

log = structlog.get_logger(__name__)


def _now() -> datetime:
    return datetime.now(UTC)


class Courier:
    """The owner's work; a second one at the same time takes what the first has not claimed."""

    def __init__(
        self,
        queue: NotificationQueue,
        channels: Channels,
        clock: Callable[[], datetime] = _now,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._queue, self._channels = queue, channels
        self._clock, self._chance = clock, chance

    async def run(self) -> None:
        """Carries for ever; waits out a ledger that is away."""
        tasks = [asyncio.create_task(self._follow(channel)) for channel in Channel]
        tasks.append(asyncio.create_task(self._keep_tidy()))
        try:
            await asyncio.gather(*tasks)
        finally:
            await end_tasks(tasks)
            for channel in Channel:
                NOTIFICATION_DEPTH.labels(channel).set(0)

    async def _follow(self, channel: Channel) -> None:
        while True:
            try:
                while await self.deliver(channel):
                    pass
            except LedgerError as error:
                log.warning("notifications wait", channel=channel, why=type(error).__name__)
            await asyncio.sleep(LOOK_EVERY_S)

    async def _keep_tidy(self) -> None:
        while True:
            try:
                for channel, waiting in (await self._queue.depth()).items():
                    NOTIFICATION_DEPTH.labels(channel).set(waiting)
                while await self._queue.forget():
                    pass
            except LedgerError as error:
                log.warning("notifications are not counted", why=type(error).__name__)
            await asyncio.sleep(TIDY_EVERY_S)

    async def deliver(self, channel: Channel) -> int:
        """Tries what is due, a portion at a time; how many. Raises LedgerError."""
        claimed = await self._queue.claim(channel, AT_ONCE)
        done = await asyncio.gather(*map(self._try, claimed), return_exceptions=True)
        for error in done:
            if isinstance(error, BaseException):
                raise error  # what was claimed is due again when its lease ends
        return len(claimed)

    async def _try(self, delivery: Delivery) -> None:
        if not delivery.target:
            await self._give_up(delivery, "the settings do not name this receiver any more")
            return
        await self._note(delivery, await self._attempt(delivery))

    async def _attempt(self, delivery: Delivery) -> Outcome:
        try:
            async with asyncio.timeout(ATTEMPT_TIMEOUT_S):
                return await self._channels.send(delivery, self._clock())
        except LedgerError:
            raise
        except Exception as error:
            ALARMS.labels("notification_broken").inc()
            log.error("a notification cannot be sent", notification=delivery.id, exc_info=error)
            return Failed("internal error")

    async def _note(self, delivery: Delivery, outcome: Outcome) -> None:
        if isinstance(outcome, Sent):
            await self._queue.sent(delivery)
            NOTIFICATIONS.labels(delivery.channel, "sent").inc()
        elif isinstance(outcome, Wait):
            await self._queue.put_back(delivery, outcome.until)
        elif isinstance(outcome, Moved):
            await self._queue.move_chat(delivery, outcome.chat_id)
            await self._failed(delivery, Failed("the chat has another number now"))
        elif isinstance(outcome, Blocked):
            await self._queue.switch_telegram_off(delivery, outcome.why)
            await self._give_up(delivery, outcome.why)
        else:
            await self._failed(delivery, outcome)

    async def _failed(self, delivery: Delivery, failure: Failed) -> None:
        now = self._clock()
        due_at = next_attempt(delivery.attempts, delivery.queued_at, now, self._chance())
        if failure.final or due_at is None:
            await self._give_up(delivery, failure.why)
            return
        if failure.not_before is not None:
            due_at = max(due_at, failure.not_before)
        await self._queue.later(delivery, due_at, failure.why)
        NOTIFICATIONS.labels(delivery.channel, "failed").inc()
        log.warning("a notification waits", notification=delivery.id, why=failure.why)

    async def _give_up(self, delivery: Delivery, why: str) -> None:
        await self._queue.dead(delivery, why)
        NOTIFICATIONS.labels(delivery.channel, "dead").inc()
        ALARMS.labels("notification_dead").inc()
        log.error("a notification is dead", notification=delivery.id, why=why)
