"""The shard keeper: a live store that lost its data, or went back, is rebuilt from the ledger."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import pytest

from quota.keys import key
from server.embedded import EmbeddedValkey
from tests.integration.api.conftest import Install
from tests.integration.api.gateway import Gateway
from tests.integration.api.installation import Installation, eventually, installed
from tests.integration.api.traffic import Traffic
from tests.integration.background.live_account import balance_of

BALANCE = 100_000_000


@pytest.fixture
async def kept(own_valkey: EmbeddedValkey, postgres_dsn: str) -> AsyncIterator[Installation]:
    """A worker on a live store of its own, with a tenant."""
    async with installed(own_valkey.url, postgres_dsn) as installation:
        installation.beside(installation.parts.applier.run)
        await installation.tenant(balance=BALANCE)
        yield installation


async def converged(installation: Installation, spent: int) -> None:
    """Asserts that nothing was lost and nothing charged twice."""
    await installation.settled_down()
    balance = await installation.balance()
    assert (balance.balance_micros, balance.spent_today_micros) == (BALANCE - spent, spent)
    funds = "SELECT balance_micros FROM accounts WHERE tenant = 'acme' AND name = 'funds'"
    assert await installation.ledger(funds) == BALANCE - spent


async def flush_all(installation: Installation) -> None:
    """Empties the whole live store."""
    async with installation.redis() as client:
        await client.flushall()


async def test_flushall_under_load_is_noticed_and_every_call_is_charged_once(
    kept: Installation,
) -> None:
    traffic = Traffic(Gateway(kept.admin))
    calls = [asyncio.create_task(traffic.live(f"c{number}")) for number in range(40)]
    for posted in (5, 15):
        await eventually(partial(settled, kept, posted))
        await flush_all(kept)
    await asyncio.gather(*calls)
    assert traffic.charged == 40 * 20_000
    await converged(kept, traffic.charged)


async def settled(installation: Installation, count: int) -> bool:
    """Whether so many calls are in the ledger."""
    found: int = await installation.ledger("SELECT count(*) FROM calls")
    return found >= count


async def test_a_missing_balance_is_never_read_as_zero(kept: Installation) -> None:
    gateway = Gateway(kept.admin)
    await gateway.posted("c1", 10)
    await flush_all(kept)
    await gateway.accepted("c2")
    await converged(kept, 10_000)


async def put_back(
    store: EmbeddedValkey, copy: Path, meanwhile: Callable[[], Awaitable[object]]
) -> None:
    """Restarts the live store on a copy of its data from before `meanwhile`."""
    shutil.copytree(store.directory, copy, ignore=shutil.ignore_patterns("*.sock", "*.pid"))
    await meanwhile()
    await store.stop()
    shutil.rmtree(store.directory / "appendonlydir")
    shutil.copytree(copy / "appendonlydir", store.directory / "appendonlydir")
    await store.start()


async def test_an_older_copy_of_the_data_is_noticed_by_its_outbox(
    kept: Installation, own_valkey: EmbeddedValkey, tmp_path: Path
) -> None:
    gateway = Gateway(kept.admin)
    await gateway.posted("c1", 10)

    async def meanwhile() -> None:
        await gateway.posted("c2", 20)
        await kept.adjust("acme", -500)
        await kept.adjust("acme", 500)
        await kept.settled_down()

    await put_back(own_valkey, tmp_path / "copy", meanwhile)
    traffic = Traffic(gateway)
    await traffic.live("c3")
    await converged(kept, 50_000)
    assert (await gateway.settle("c2", 20)).charged_micros == 20_000


async def test_an_older_copy_that_lacks_only_credits_hears_of_them(
    kept: Installation, own_valkey: EmbeddedValkey, tmp_path: Path
) -> None:
    gateway = Gateway(kept.admin)
    await gateway.posted("c1", 10)

    async def meanwhile() -> None:
        await kept.adjust("acme", 500)
        await kept.update("acme", daily_cap_micros=70_000_000)

    await put_back(own_valkey, tmp_path / "copy", meanwhile)

    async def heard() -> bool:
        """Looks past the server, which is idle: nothing but its own jobs tells it."""
        async with kept.redis() as client:
            packed: Any = await client.hget(key(0, "accounts"), "acme")
        return balance_of(packed) == BALANCE - 10_000 + 500

    await eventually(heard)
    assert (await kept.balance()).daily_cap_micros == 70_000_000
    await kept.settled_down()


async def test_an_outbox_counter_below_the_ledgers_closes_the_shard(kept: Installation) -> None:
    gateway = Gateway(kept.admin)
    await gateway.posted("c1", 10)
    epoch = await kept.ledger("SELECT epoch FROM shards")
    async with kept.redis() as client:
        await client.hset(key(0, "epoch"), mapping={"n": 0, "posted": 0})
        await client.client_kill_filter(_type="normal", skipme=True)
    kept.parts.store.line(0)._known_run = ""  # as another run of the server would be
    await Traffic(gateway).live("c2")
    assert await kept.ledger("SELECT epoch FROM shards") == epoch + 1
    await converged(kept, 30_000)


async def test_a_torn_shard_posts_its_outbox_before_it_is_wiped(install: Install) -> None:
    async with install(posts=False) as installation:
        await installation.tenant(balance=BALANCE)
        gateway = Gateway(installation.admin)
        for number in range(3):
            await gateway.settle(f"c{number}", 10)
        async with installation.redis() as client:
            await client.hset(key(0, "epoch"), "torn", "1")
        traffic = Traffic(gateway)
        installation.beside(installation.parts.posters[0].run)
        await traffic.live("c4")
        assert await installation.ledger("SELECT count(*) FROM calls") == 4
        await converged(installation, 50_000)


async def test_a_corrupt_record_fails_alone(kept: Installation) -> None:
    gateway = Gateway(kept.admin)
    for call_id in ("c1", "c2"):
        await gateway.accepted(call_id)
    async with kept.redis() as client:
        await client.hset(key(0, "calls"), "acme/c1", b"\xc1")
    told = await gateway.told(gateway.report("c1", 10))
    assert told.code is grpc.StatusCode.INTERNAL
    assert (await gateway.charge("c2", 10)).charged_micros == 10_000
