"""The outbox poster between epochs: what was read in one is posted and confirmed in that one."""

from collections.abc import Sequence
from typing import Any

import pytest

from ledger.entry import Entry, Verdict
from quota.keys import key
from quota.store import ShardReader
from tests.integration.api.conftest import Install
from tests.integration.api.gateway import Gateway


async def connected(reader: ShardReader) -> bool:
    """Whether the reader has asked Redis anything yet."""
    return reader._client is not None


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
