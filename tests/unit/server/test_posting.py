"""The poster's read-ahead, without stores."""

import asyncio
from typing import Any

import pytest

from ledger.errors import LedgerUnavailable
from quota.errors import StoreUnavailable
from server.background.posting import Group, _beside

NEXT = Group([], [])


async def posts() -> None:
    """A group that is posted."""


async def fails_to_post() -> None:
    raise LedgerUnavailable("away")


async def reads() -> Group:
    return NEXT


async def fails_to_read() -> Group:
    raise StoreUnavailable("away")


async def test_the_next_group_is_read_while_one_is_posted() -> None:
    read = asyncio.Event()

    async def posts_after_the_read() -> None:
        await read.wait()

    async def tells() -> Group:
        read.set()
        return NEXT

    assert await _beside(posts_after_the_read(), tells()) is NEXT


async def test_a_read_that_fails_lets_the_posting_end_first() -> None:
    posted = False

    async def posts_slowly() -> None:
        nonlocal posted
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        posted = True

    with pytest.raises(StoreUnavailable):
        await _beside(posts_slowly(), fails_to_read())
    assert posted


async def test_a_posting_that_fails_ends_a_read_that_still_waits() -> None:
    ended = False

    async def waits() -> Group:
        nonlocal ended
        try:
            await asyncio.Event().wait()
        finally:
            ended = True
        return NEXT

    async def fails_later() -> None:
        await asyncio.sleep(0)
        await fails_to_post()

    with pytest.raises(LedgerUnavailable):
        await _beside(fails_later(), waits())
    assert ended


async def test_when_both_fail_the_posting_tells_what_and_nothing_is_left_untold() -> None:
    untold: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: untold.append(context))

    async def fails_after_the_read() -> None:
        await asyncio.sleep(0)
        await fails_to_post()

    with pytest.raises(LedgerUnavailable):
        await _beside(fails_after_the_read(), fails_to_read())
    assert not untold
