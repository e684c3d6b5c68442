"""The sweeper's sense of time: what pauses expiry, and that it resumes by itself."""

from collections.abc import Awaitable, Callable

import pytest

from quota.decision import SweepDeed
from quota.errors import StoreUnavailable
from server.background.sweeping import JUMP_MS, TICK_S, Sweeper
from tests.integration.api.conftest import Install
from tests.integration.api.gateway import Gateway
from tests.integration.api.installation import Installation, installed
from tests.proxy import Proxy

Proxied = Callable[[str], Awaitable[Proxy]]


class Clock:
    """A monotonic clock that a test moves; it goes by itself not at all."""

    def __init__(self) -> None:
        self.now_s = 1_000.0

    def __call__(self) -> float:
        return self.now_s


def sweeper_of(installation: Installation, clock: Clock) -> Sweeper:
    """A sweeper with a clock of the test's."""
    parts = installation.parts
    return Sweeper(0, parts.store, parts.readers[0], clock)


async def silent_call(installation: Installation) -> Gateway:
    """A call whose lease and grace are over."""
    await installation.tenant(balance=100_000)
    gateway = Gateway(installation.admin)
    await gateway.accepted()
    return gateway


# The lease is over at once; its grace bounds how long the store may be away.
OVERDUE = {"lease_ms": -15_000, "grace_ms": 15_000}


async def test_a_tick_expires_what_is_overdue(install: Install) -> None:
    async with install(**OVERDUE) as installation:
        await silent_call(installation)
        assert (await sweeper_of(installation, Clock()).tick())[SweepDeed.EXPIRED] == 1


async def test_a_jump_of_the_stores_clock_pauses_expiry_for_one_lease_and_grace(
    install: Install,
) -> None:
    async with install(lease_ms=1, grace_ms=15_000) as installation:
        clock = Clock()
        sweeper = sweeper_of(installation, clock)
        await sweeper.tick()
        # Seen from the store, whose clock goes on, this is a jump ahead.
        clock.now_s -= JUMP_MS / 1000 + 1
        await sweeper.tick()
        assert sweeper.paused_s == pytest.approx(15.001)


async def test_nothing_expires_while_expiry_is_paused_and_it_resumes_by_itself(
    install: Install,
) -> None:
    async with install(**OVERDUE) as installation:
        clock = Clock()
        sweeper = sweeper_of(installation, clock)
        await sweeper.tick()
        await silent_call(installation)
        sweeper._paused_until = clock.now_s + 10
        assert not await sweeper.tick()
        clock.now_s += 10
        assert (await sweeper.tick())[SweepDeed.EXPIRED] == 1


async def test_an_absence_of_the_store_beyond_the_grace_pauses_expiry(
    install: Install,
) -> None:
    async with install(lease_ms=60_000, grace_ms=15_000) as installation:
        clock = Clock()
        sweeper = sweeper_of(installation, clock)
        await sweeper.tick()
        clock.now_s += 17
        await sweeper.tick()
        assert sweeper.paused_s == pytest.approx(75)


async def test_a_tick_while_the_store_is_away_says_so_and_expires_nothing(
    redis_url: str, postgres_dsn: str, proxied: Proxied
) -> None:
    proxy = await proxied(redis_url)
    async with installed(proxy.url, postgres_dsn, posts=False) as installation:
        sweeper = sweeper_of(installation, Clock())
        await sweeper.tick()
        proxy.cut()
        with pytest.raises(StoreUnavailable):
            await sweeper.tick()
        proxy.restore()
        assert not await sweeper.tick()


@pytest.mark.parametrize("grace_ms", [0, 500])
async def test_a_grace_shorter_than_a_tick_does_not_pause_expiry_for_ever(
    install: Install, grace_ms: int
) -> None:
    async with install(grace_ms=grace_ms) as installation:
        clock = Clock()
        sweeper = sweeper_of(installation, clock)
        for _ in range(3):
            await sweeper.tick()
            clock.now_s += TICK_S
        assert sweeper.paused_s == 0
