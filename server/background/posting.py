"""Posts a shard's outbox to the ledger: in order of n, in groups, safe to stop at any point.

The ledger stores how far it came in the transaction that posts; the shard is told afterwards. A
crash between the two posts nothing twice: entries that were posted get the verdict they had.
While a group is posted the next one is read and rated, but never posted before it.
"""

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any, NamedTuple

import structlog

from ledger.entry import Deed, Entry, Verdict
from ledger.errors import EpochChanged, LedgerError, OutboxGap
from ledger.journal import Journal
from ledger.turns import in_turns
from quota.errors import QuotaError
from quota.operation import Confirm
from quota.outbox import DebitedEntry, OutboxEntry, SettledEntry
from quota.shard_line import ShardLine
from quota.store import QuotaStore, ShardReader
from quota.topology import READER_BLOCK_MS
from server.background.composing import compose
from server.background.ending import end_tasks
from server.calls.price_book import PriceBook
from server.metrics import ALARMS, POSTED

GROUP = 500
# Confirmations that travel together leave room for charges in the same batch.
CONFIRMED_AT_ONCE = 128
PAUSE_MIN_S, PAUSE_MAX_S = 0.1, 2.0
# How long a group of a backlog lets gateways go first that keep the shard busy: settlements that
# wait may wait a little longer, calls that run may not.
GIVE_WAY_S = 0.03

log = structlog.get_logger(__name__)


class Group(NamedTuple):
    """Consecutive entries, and what the ledger posts for them."""

    entries: Sequence[OutboxEntry]
    composed: Sequence[Entry]


class OutboxPoster:
    """The one consumer of a shard's outbox."""

    def __init__(
        self, shard: int, store: QuotaStore, reader: ShardReader, journal: Journal, book: PriceBook
    ) -> None:
        self._shard, self._store, self._reader = shard, store, reader
        self._journal, self._book = journal, book
        self.posted = 0  # groups since the start

    async def run(self) -> None:
        """Posts for ever; waits out stores that are away."""
        pause_s = PAUSE_MIN_S
        while True:
            posted_before = self.posted
            try:
                await self._follow()
            except EpochChanged as error:
                log.warning("outbox is read anew", shard=self._shard, why=str(error))
            except OutboxGap as error:
                # Once is a race with another owner. For ever: the ledger has lost what it posted.
                ALARMS.labels("outbox_gap").inc()
                log.error("outbox and ledger do not join", shard=self._shard, why=str(error))
            except (LedgerError, QuotaError) as error:
                log.warning("outbox waits", shard=self._shard, why=str(error)[:200])
            pause_s = PAUSE_MIN_S if self.posted > posted_before else min(PAUSE_MAX_S, 2 * pause_s)
            await asyncio.sleep(pause_s)

    async def drain(self, n: int) -> None:
        """Posts what is queued after n without telling the shard: before a torn one is wiped.

        It may be cut short and comes again with a higher n: what the ledger has is not read again.
        """
        admission = await self._journal.admission(self._shard)
        epoch = int((await self._reader.state()).epoch)
        while (group := await self._read(n, None)).entries:
            await self._journal.post(self._shard, epoch, group.composed, admission)
            n = group.entries[-1].n

    async def _follow(self) -> None:
        """Posts and confirms until something goes wrong."""
        admission = await self._journal.admission(self._shard)
        state = await self._reader.state()
        if not state.epoch:
            self._store.line(self._shard).look()  # its opening asks the keeper for a shard
            raise EpochChanged(f"shard {self._shard} is empty")
        n = state.posted_n
        group = await self._read(n, READER_BLOCK_MS)
        while True:
            if group.entries:
                n = group.entries[-1].n
                if len(group.entries) == GROUP:
                    await self._store.line(self._shard).idle(GIVE_WAY_S)
                posting = self._post(state.epoch, admission, group)
                group = await _beside(posting, self._read(n, READER_BLOCK_MS))
            elif (await self._reader.state()).epoch != state.epoch:
                raise EpochChanged(f"shard {self._shard} was rebuilt")
            else:
                group = await self._read(n, READER_BLOCK_MS)

    async def _read(self, n: int, block_ms: int | None) -> Group:
        entries = await self._reader.outbox_after(n, GROUP, block_ms)
        composed = [await compose(entry, self._book) async for entry in in_turns(entries)]
        return Group(entries, composed)

    async def _post(self, epoch: str, admission: int, group: Group) -> None:
        verdicts = await self._journal.post(self._shard, int(epoch), group.composed, admission)
        await self._confirm(epoch, group.entries, verdicts)
        self.posted += 1

    async def _confirm(
        self, epoch: str, entries: Sequence[OutboxEntry], verdicts: Sequence[Verdict]
    ) -> None:
        """Tells the shard, unless it was rebuilt: there the same numbers name other entries."""
        line = self._store.line(self._shard)
        done = list(zip(entries, verdicts, strict=True))
        await confirm_in_order(line, epoch, [_confirmation(*each) for each in done])
        for entry, verdict in done:
            _report(entry, verdict)


async def _beside(posting: Coroutine[Any, Any, None], reading: Coroutine[Any, Any, Group]) -> Group:
    """What is read while something is posted; what was read for nothing is forgotten."""
    read = asyncio.ensure_future(reading)
    try:
        await posting
        return await read
    finally:
        await end_tasks([read])
        if not read.cancelled():
            read.exception()  # when both went wrong, the posting tells what


async def confirm_in_order(line: ShardLine, epoch: str, confirmations: Sequence[Confirm]) -> None:
    """Confirms consecutive entries. Raises OutboxGap when the shard is not that far."""
    parcels = [
        confirmations[first : first + CONFIRMED_AT_ONCE]
        for first in range(0, len(confirmations), CONFIRMED_AT_ONCE)
    ]
    answers = [line.submit_all(parcel, epoch) for parcel in parcels]
    for parcel, answer in zip(parcels, answers, strict=True):
        results = await answer
        if any(result.code for result in results):
            # A full store may have decided it before those in front of it, which are done now.
            results = await line.submit_all(parcel, epoch)
        for confirmation, result in zip(parcel, results, strict=True):
            if result.code:
                raise OutboxGap(confirmation.n, line.posted_n)


def _confirmation(entry: OutboxEntry, verdict: Verdict) -> Confirm:
    if isinstance(entry, SettledEntry):
        return Confirm(entry.tenant, entry.call_id, entry.n, entry.charged, int(verdict.deed))
    if isinstance(entry, DebitedEntry):
        return Confirm(entry.tenant, entry.key, entry.n, entry.amount, int(verdict.deed))
    return Confirm(entry.tenant, "", entry.n, 0, int(verdict.deed))


def _report(entry: OutboxEntry, verdict: Verdict) -> None:
    POSTED.inc()
    if verdict.deed is Deed.ASIDE:
        ALARMS.labels("set_aside").inc()
        log.error("settlement is set aside", n=entry.n, tenant=entry.tenant)
    elif not verdict.same_content:
        ALARMS.labels("posted_with_other_content").inc()
        log.error("call was posted with other content", n=entry.n, tenant=entry.tenant)
