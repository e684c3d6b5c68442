"""What is answered while a store is away (DESIGN, section 9)."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any

import grpc
import pytest

from quota import shard_line
from quota.decision import Code
from quota.operation import Charge, Day, LookAccount
from tests.integration.api.client import Told
from tests.integration.api.gateway import Gateway
from tests.integration.api.installation import Installation, installed
from tests.proxy import Proxy

REDIS_AWAY = Told(grpc.StatusCode.UNAVAILABLE, "STORE_UNAVAILABLE")
Proxied = Callable[[str], Coroutine[Any, Any, Proxy]]


async def test_a_redis_that_hangs_is_told_within_the_patience(
    proxied: Proxied, redis_url: str, postgres_dsn: str
) -> None:
    proxy = await proxied(redis_url)
    async with installed(proxy.url, postgres_dsn, store_timeout_ms=300) as installation:
        await installation.tenant(balance=1_000_000)
        gateway = Gateway(installation.admin)
        await gateway.accepted()
        proxy.hold()
        for number in range(3):  # the later ones find a line that is connecting again
            begun = time.monotonic()
            assert await gateway.told(gateway.authorization(f"c{number}")) == REDIS_AWAY
            assert time.monotonic() - begun < 2
        proxy.restore()
        await gateway.posted("c1", 10)


async def test_a_batch_that_a_bug_fails_strands_nobody_behind_it(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shard_line, "MAX_BATCH", 1)
    line, day = installation.parts.store.line(0), Day("20260101", 0, "20260102")
    too_big = line.submit(Charge("acme", "c1", 1, day, "", "", 2**70, 0, b"", 0, 0))
    behind = line.submit(LookAccount("nobody"))
    async with asyncio.timeout(5):
        assert (await behind).code == Code.NOT_LOADED
    with pytest.raises(OverflowError):
        await too_big
