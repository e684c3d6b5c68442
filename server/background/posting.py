"""Posts a shard's outbox to the ledger: in order of n, in groups, safe to stop at any point.

The ledger stores how far it came in the transaction that posts; the shard is told afterwards. A
crash between the two posts nothing twice: entries that were posted get the verdict they had.
"""

import asyncio

import structlog

from ledger.entry import Deed, Verdict
from ledger.errors import EpochChanged, LedgerError, OutboxGap
from ledger.journal import Journal
from quota.errors import QuotaError
from quota.operation import Confirm
from quota.outbox import DebitedEntry, OutboxEntry, SettledEntry
from quota.store import QuotaStore, ShardReader
from quota.topology import READER_BLOCK_MS
from server.background.composing import compose
from server.calls.price_book import PriceBook
from server.metrics import ALARMS, POSTED

GROUP = 500
PAUSE_MIN_S, PAUSE_MAX_S = 0.1, 2.0

log = structlog.get_logger(__name__)


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
        while entries := await self._reader.outbox_after(n, GROUP, None):
            await self._post(epoch, admission, entries)
            n = entries[-1].n

    async def _follow(self) -> None:
        """Posts and confirms until something goes wrong."""
        admission = await self._journal.admission(self._shard)
        state = await self._reader.state()
        if not state.epoch:
            self._store.line(self._shard).look()  # its opening asks the keeper for a shard
            raise EpochChanged(f"shard {self._shard} is empty")
        n = state.posted_n
        while True:
            entries = await self._reader.outbox_after(n, GROUP, READER_BLOCK_MS)
            if entries:
                verdicts = await self._post(int(state.epoch), admission, entries)
                await self._confirm(state.epoch, entries, verdicts)
                n = entries[-1].n
                self.posted += 1
            elif (await self._reader.state()).epoch != state.epoch:
                raise EpochChanged(f"shard {self._shard} was rebuilt")

    async def _post(self, epoch: int, admission: int, entries: list[OutboxEntry]) -> list[Verdict]:
        composed = [await compose(entry, self._book) for entry in entries]
        return await self._journal.post(self._shard, epoch, composed, admission)

    async def _confirm(
        self, epoch: str, entries: list[OutboxEntry], verdicts: list[Verdict]
    ) -> None:
        """Tells the shard, unless it was rebuilt: there the same numbers name other entries."""
        line = self._store.line(self._shard)
        answers = [
            line.submit(_confirmation(entry, verdict), epoch)
            for entry, verdict in zip(entries, verdicts, strict=True)
        ]
        for entry, verdict, answer in zip(entries, verdicts, answers, strict=True):
            result = await answer
            if result.code:
                raise OutboxGap(entry.n, line.posted_n)
            _report(entry, verdict)


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
