"""When the sweeper pauses expiry."""

from typing import Any

import pytest

from quota.timing import Timing
from server.background.sweeping import Sweeper


class Store:
    """A live store without due leases, whose clock and answers a test moves."""

    def __init__(self, timing: Timing) -> None:
        self.timing, self.clock_ms = timing, 10_000_000

    def line(self, shard: int) -> None:
        return None

    async def now_ms(self) -> int:
        return self.clock_ms

    async def due_leases(self, until_ms: int, count: int) -> list[tuple[str, str]]:
        return []


async def paused_after(store: Store, *steps: tuple[float, float]) -> float:
    """For how long expiry is paused after steps of the store's and the monotonic clock, in s."""
    clock_s = 0.0
    anything: Any = store
    sweeper = Sweeper(0, anything, anything, lambda: clock_s)
    await sweeper.tick()
    for store_s, own_s in steps:
        store.clock_ms += int(store_s * 1000)
        clock_s += own_s
        await sweeper.tick()
    return sweeper.paused_s


@pytest.mark.parametrize("grace_ms", [0, 500, 15_000])
async def test_a_tick_a_second_never_pauses(grace_ms: int) -> None:
    store = Store(Timing(grace_ms=grace_ms))
    assert await paused_after(store, (1.01, 1.01), (1.2, 1.2)) == 0


async def test_an_absence_longer_than_the_grace_pauses_for_one_lease_and_grace() -> None:
    assert await paused_after(Store(Timing()), (16, 16)) == 75


async def test_a_jump_of_the_clock_pauses_for_one_lease_and_grace() -> None:
    assert await paused_after(Store(Timing()), (62, 1)) == 75
    assert await paused_after(Store(Timing()), (60, 1)) == 0


async def test_a_pause_ends_by_itself() -> None:
    steps = [(16.0, 16.0), *[(1.0, 1.0)] * 75]
    assert await paused_after(Store(Timing()), *steps) == 0
