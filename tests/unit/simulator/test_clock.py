"""The simulated gateway's clock."""

from server.simulator.clock import Clock


async def test_it_never_wakes_early_however_fast_it_runs() -> None:
    clock = Clock(100)
    for moment_ms in range(50, 3_000, 150):
        await clock.sleep_until(moment_ms)
        assert clock.now_ms() >= moment_ms


async def test_a_moment_that_is_past_is_not_waited_for() -> None:
    clock = Clock(1)
    await clock.sleep_until(-1_000_000)
    assert clock.now_ms() < 1_000
