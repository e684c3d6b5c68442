"""Waiting for the ledger: asked often at first, seldom while nothing comes of it."""

import asyncio

from quota.posted_mark import PostedMark


async def test_who_waits_long_asks_ever_less_often() -> None:
    looks = 0

    def look() -> None:
        nonlocal looks
        looks += 1

    mark = PostedMark(look)
    assert not await mark.wait(1, timeout_s=1)
    assert 1 <= looks <= 40  # every 5 ms it would be two hundred


async def test_a_number_that_is_reached_ends_the_wait_and_a_rebuild_denies_it() -> None:
    mark = PostedMark(lambda: None)
    reached, denied = (asyncio.ensure_future(mark.wait(n, 10)) for n in (1, 2))
    await asyncio.sleep(0)
    mark.reach(1)
    assert await reached
    mark.reset()
    assert not await denied
