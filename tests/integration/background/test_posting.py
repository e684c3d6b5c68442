"""The outbox poster: every entry reaches the ledger once, wherever it is stopped."""

import asyncio
import random
from collections.abc import Sequence
from typing import Any

import msgpack
import pytest

from ledger.entry import Entry, Verdict
from ledger.errors import LedgerUnavailable
from ledger.journal import Journal
from quota.errors import StoreUnavailable
from quota.keys import key
from quota.store import ShardReader
from server.background import posting
from server.background.ending import end_tasks
from server.background.posting import OutboxPoster
from server.metrics import ALARMS
from tests.integration.api.conftest import Install
from tests.integration.api.gateway import Gateway
from tests.integration.api.installation import Installation, eventually


class CommitsAndFails(Journal):
    """A journal whose answer is lost after it has posted, a number of times."""

    def __init__(self, pool: Any, failures: int) -> None:
        super().__init__(pool)
        self.failures = failures

    async def post(
        self, shard: int, epoch: int, entries: Sequence[Entry], admission: int | None = None
    ) -> list[Verdict]:
        verdicts = await super().post(shard, epoch, entries, admission)
        if self.failures:
            self.failures -= 1
            raise LedgerUnavailable("the answer was lost")
        return verdicts


async def connected(reader: ShardReader) -> bool:
    """Whether the reader has asked Redis anything yet."""
    return reader._client is not None


def poster_of(installation: Installation, journal: Journal) -> OutboxPoster:
    """A poster with a journal of the test's."""
    parts = installation.parts
    return OutboxPoster(0, parts.store, parts.outbox_readers[0], journal, parts.book)


async def settle_some(installation: Installation, first: int, count: int) -> Gateway:
    """Settles calls of ten seconds each."""
    gateway = Gateway(installation.admin)
    for number in range(first, first + count):
        await gateway.settle(f"c{number}", 10)
    return gateway


async def posted_once(installation: Installation, calls: int) -> None:
    """Asserts that every call of ten seconds was posted, and only once."""
    await installation.settled_down()
    rows = "SELECT (count(*), count(DISTINCT call_id), sum(amount_micros))::text FROM postings"
    found = await installation.ledger(f"{rows} WHERE call_id IS NOT NULL")
    assert found == f"({calls},{calls},{calls * 10_000})"


async def test_a_poster_that_began_before_the_shard_posts_what_comes(install: Install) -> None:
    async with install(posts=False) as installation:
        running = installation.beside(installation.parts.posters[0].run)
        await eventually(lambda: connected(installation.parts.outbox_readers[0]))
        await installation.tenant(balance=1_000_000)
        await Gateway(installation.admin).posted("c1", 10)
        assert not running.done()


async def test_what_was_committed_and_not_confirmed_is_not_posted_again(
    install: Install,
) -> None:
    async with install(posts=False) as installation:
        await installation.tenant(balance=1_000_000)
        await installation.adjust("acme", -500)
        await settle_some(installation, 0, 5)
        journal = CommitsAndFails(installation.parts._pool, failures=3)
        installation.beside(poster_of(installation, journal).run)
        await eventually(lambda: has_none_left(journal))
        await posted_once(installation, 5)
        assert (await installation.balance()).balance_micros == 1_000_000 - 500 - 50_000


async def has_none_left(journal: CommitsAndFails) -> bool:
    """Whether the journal has failed as often as it was to."""
    return journal.failures == 0


class Watched(Journal):
    """A journal that fails before it posts, a number of times, and tells what it was asked."""

    def __init__(self, pool: Any, failures: int = 0) -> None:
        super().__init__(pool)
        self.failures = failures
        self.groups: list[list[int]] = []

    async def post(
        self, shard: int, epoch: int, entries: Sequence[Entry], admission: int | None = None
    ) -> list[Verdict]:
        self.groups.append([entry.n for entry in entries])
        if self.failures:
            self.failures -= 1
            raise LedgerUnavailable("away")
        return await super().post(shard, epoch, entries, admission)


async def test_what_was_read_ahead_is_not_posted_before_a_group_that_failed(
    install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(posting, "GROUP", 2)
    async with install(posts=False) as installation:
        await installation.tenant(balance=1_000_000)
        await settle_some(installation, 0, 6)
        journal = Watched(installation.parts._pool, failures=2)
        installation.beside(poster_of(installation, journal).run)
        await posted_once(installation, 6)
        assert journal.groups == [[1, 2], [1, 2], [1, 2], [3, 4], [5, 6]]


async def test_a_group_is_posted_although_the_read_ahead_beside_it_fails(
    install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(posting, "GROUP", 2)
    async with install(posts=False) as installation:
        await installation.tenant(balance=1_000_000)
        await settle_some(installation, 0, 6)
        reader = installation.parts.outbox_readers[0]
        read, reads = reader.outbox_after, 0

        async def fail_the_second_time(*asked: Any) -> Any:
            nonlocal reads
            reads += 1
            if reads == 2:
                raise StoreUnavailable("away")
            return await read(*asked)

        monkeypatch.setattr(reader, "outbox_after", fail_the_second_time)
        journal = Watched(installation.parts._pool)
        installation.beside(poster_of(installation, journal).run)
        await posted_once(installation, 6)
        assert journal.groups == [[1, 2], [3, 4], [5, 6]]  # what was posted is not read again
        assert reads > 3


@pytest.mark.parametrize("seed", range(3))
async def test_a_poster_that_is_stopped_anywhere_and_started_again_posts_all_once(
    install: Install, seed: int
) -> None:
    chance = random.Random(seed)
    async with install(posts=False) as installation:
        await installation.tenant(balance=10_000_000)
        for turn in range(12):
            await settle_some(installation, turn * 4, 4)
            poster = poster_of(installation, installation.parts.journal)
            running = asyncio.create_task(poster.run())
            # Not for a race to pass: wherever this falls, the outcome must be the same.
            await asyncio.sleep(chance.random() * 0.03)
            await end_tasks([running])
        installation.beside(installation.parts.posters[0].run)
        await posted_once(installation, 48)


async def test_the_confirmation_is_found_by_another_process_of_the_same_shard(
    install: Install,
) -> None:
    async with install(posts=False) as installation:
        await installation.tenant(balance=1_000_000)
        gateway = await settle_some(installation, 0, 1)
        await installation.parts.posters[0].drain(0)
        assert (await installation.audit()).outbox_depth == 1
        installation.beside(installation.parts.posters[0].run)
        await gateway.posted("c0", 10)
        await posted_once(installation, 1)


async def test_a_settlement_that_is_rated_otherwise_is_set_aside_with_an_alarm(
    install: Install,
) -> None:
    async with install(posts=False) as installation:
        await installation.tenant(balance=1_000_000)
        gateway = await settle_some(installation, 0, 2)
        await tamper(installation, "1-0", rated=9_000, charged=9_000)
        alarms = ALARMS.labels("set_aside")._value.get()
        installation.beside(installation.parts.posters[0].run)
        await gateway.posted("c1", 10)
        assert ALARMS.labels("set_aside")._value.get() == alarms + 1
        assert (await installation.audit()).set_aside == 1
        [aside] = (await installation.audit()).asides
        assert (aside.tenant_id, aside.key, aside.amount_micros, aside.n) == (
            "acme",
            "c0",
            9_000,
            1,
        )
        assert aside.why == "rated 9000 micros live, 10000 here"
        assert await installation.ledger("SELECT array_agg(call_id) FROM calls") == ["c1"]
        await installation.tenant("globex")
        theirs = await installation.audit("globex")
        assert (theirs.set_aside, list(theirs.asides)) == (0, [])


async def tamper(installation: Installation, entry_id: str, rated: int, charged: int) -> None:
    """Writes another total into an entry of the outbox."""
    async with installation.redis() as client:
        outbox = key(0, "outbox")
        entries: Any = await client.xrange(outbox)
        await client.delete(outbox)
        found: list[tuple[bytes, dict[bytes, bytes]]] = entries
        for found_id, fields in found:
            packed = fields[b"e"]
            if found_id.decode() == entry_id:
                event = msgpack.unpackb(packed, raw=True)
                event[4][6], event[4][7] = rated, charged
                packed = msgpack.packb(event, use_bin_type=False)
            await client.xadd(outbox, {"e": packed}, id=found_id)


async def test_a_call_that_was_posted_with_other_content_is_returned_with_an_alarm(
    install: Install,
) -> None:
    async with install(settled_retention_s=0) as installation:
        await installation.tenant(balance=1_000_000)
        gateway = Gateway(installation.admin)
        await gateway.posted("c1", 10)
        before = await installation.balance()
        async with installation.redis() as client:
            await client.hdel(key(0, "calls"), "acme/c1")
        alarms = ALARMS.labels("posted_with_other_content")._value.get()
        await gateway.accepted()
        await gateway.settle("c1", 30)
        await installation.settled_down()
        assert ALARMS.labels("posted_with_other_content")._value.get() == alarms + 1
        after = await installation.balance()
        assert (after.balance_micros, after.spent_today_micros) == (
            before.balance_micros,
            before.spent_today_micros,
        )


async def test_a_group_is_not_confirmed_in_an_epoch_that_began_after_it_was_read(
    install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There the same numbers name other entries, which nobody would post any more."""
    async with install(posts=False) as installation:
        journal, gateway = installation.parts.journal, Gateway(installation.admin)
        post, groups = journal.post, 0

        async def lose_the_shard_after_the_first(
            shard: int, epoch: int, entries: Sequence[Entry], admission: int
        ) -> list[Verdict]:
            nonlocal groups
            verdicts = await post(shard, epoch, entries, admission)
            groups += 1
            if groups == 1:
                await installation.lose_everything()
                await gateway.settle("c2", 20)
            return verdicts

        monkeypatch.setattr(journal, "post", lose_the_shard_after_the_first)
        await installation.tenant(balance=1_000_000)
        await gateway.accepted()
        await gateway.settle("c1", 10)
        installation.beside(installation.parts.posters[0].run)
        await gateway.posted("c2", 20)
        assert await installation.ledger("SELECT count(*) FROM calls") == 2
        assert (await installation.balance()).balance_micros == 970_000
        await installation.settled_down()


async def test_what_a_torn_shard_has_queued_is_posted_before_it_is_wiped(install: Install) -> None:
    async with install(posts=False) as installation:
        await installation.tenant(balance=1_000_000)
        gateway = Gateway(installation.admin)
        await gateway.accepted()
        await gateway.settle("c1", 10)
        async with installation.redis() as redis:
            await redis.hset(key(0, "epoch"), "torn", "1")
        balance = await installation.balance()
        assert (balance.balance_micros, balance.unposted_micros) == (990_000, 0)
        assert await installation.ledger("SELECT count(*) FROM calls") == 1
        await installation.settled_down()


async def test_a_group_that_was_read_before_the_store_went_back_is_not_posted(
    install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The older copy has given the group's numbers out again before the group is committed."""
    async with install(posts=False) as installation:
        parts, gateway = installation.parts, Gateway(installation.admin)
        post, groups = parts.journal.post, 0
        await installation.tenant(balance=1_000_000)
        await gateway.settle("c1", 10)
        async with installation.redis() as redis:
            copy = {name: await redis.dump(name) or b"" for name in await redis.keys("*")}
        await gateway.settle("c2", 20)

        async def go_back_before_the_first(*group: Any) -> list[Verdict]:
            nonlocal groups
            groups += 1
            if groups == 1:
                await installation.lose_everything()
                async with installation.redis() as redis:
                    for name, dumped in copy.items():
                        await redis.restore(name, 0, dumped)
                await parts.keeper.admit(0, await parts.readers[0].state())  # another process
                await gateway.settle("c3", 40)
            return await post(*group)

        monkeypatch.setattr(parts.journal, "post", go_back_before_the_first)
        installation.beside(parts.posters[0].run)
        for call_id, seconds in (("c1", 10), ("c2", 20), ("c3", 40)):
            await gateway.posted(call_id, seconds)
        assert await installation.ledger("SELECT count(*) FROM calls") == 3
        assert (await installation.balance()).balance_micros == 930_000
        await installation.settled_down()


async def test_an_entry_that_cannot_be_read_is_set_aside_and_holds_up_nobody(
    install: Install,
) -> None:
    async with install(posts=False) as installation:
        await installation.tenant(balance=1_000_000)
        await settle_some(installation, 0, 1)
        async with installation.redis() as client:
            await client.xtrim(key(0, "outbox"), maxlen=0)
            await client.xadd(key(0, "outbox"), {"e": b"\xc1junk"}, id="2-0")
            await client.hset(key(0, "epoch"), mapping={"n": "2", "posted": "1"})
        async with installation.parts._pool.acquire() as connection:
            await connection.execute("UPDATE shard_progress SET n = 1")
        await settle_some(installation, 1, 1)
        installation.beside(installation.parts.posters[0].run)
        await eventually(lambda: is_set_aside(installation))


async def is_set_aside(installation: Installation) -> bool:
    """Whether the junk is aside and nothing waits."""
    findings = await installation.audit()
    return (findings.set_aside, findings.outbox_depth) == (1, 0)
