"""The real process is killed under load: nothing acknowledged is lost, nothing posted twice."""

import asyncio
import os
import random
import signal
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

import pytest

from tests.acceptance.conftest import Deploy, Deployment
from tests.integration.api.gateway import Gateway
from tests.integration.api.installation import clock_tariff, eventually
from tests.integration.api.traffic import COST, Traffic
from tollgate.v1 import billing_pb2 as billing

BALANCE = 1_000_000_000
CALLS = 40
AT_ONCE = 12

Kill = Callable[[Deployment], Awaitable[None]]


async def prepare(deployment: Deployment) -> Traffic:
    """A tenant on the clock tariff, and its gateway."""
    put = billing.PutTariffRequest(request_id="clock-1", tariff=clock_tariff())
    await deployment.admin(put)
    await deployment.tenant(balance=BALANCE)
    return Traffic(Gateway(deployment.admin))


async def load(traffic: Traffic, disturb: Callable[[], Awaitable[None]]) -> None:
    """Lives all calls, some at a time, while something is disturbed."""
    turns = asyncio.Semaphore(AT_ONCE)

    async def live(number: int) -> None:
        async with turns:
            await traffic.live(f"c{number}")

    async with asyncio.TaskGroup() as group:
        for number in range(CALLS):
            group.create_task(live(number))
        group.create_task(_coroutine(disturb))


async def _coroutine(work: Callable[[], Awaitable[None]]) -> None:
    await work()


async def has_posted(traffic: Traffic, count: int) -> bool:
    """Whether so many calls were told to be posted."""
    return len(traffic.posted) >= count


async def assert_all_is_well(deployment: Deployment, traffic: Traffic) -> None:
    """Every call was posted once with what it cost, and both stores agree."""
    await deployment.settled_down()
    assert traffic.charged == CALLS * COST
    balance = await deployment.balance()
    assert balance.balance_micros == BALANCE - CALLS * COST
    assert (balance.reserved_micros, balance.active_calls) == (0, 0)
    listed = await deployment.admin(billing.ListCallsRequest(tenant_id="acme", page_size=1000))
    assert sorted(call.call_id for call in listed.calls) == sorted(traffic.posted)
    for call in listed.calls:
        assert call.charged_micros == call.rated_micros - call.overrun_micros == COST


async def kill_worker(deployment: Deployment) -> None:
    """Kills the worker; the supervisor starts another."""
    pids = await deployment.server.worker_pids()
    os.kill(pids[-1], signal.SIGKILL)
    await deployment.server.worker_pids(len(pids) + 1)


async def kill_all(deployment: Deployment) -> None:
    """Kills the supervisor, and starts another, which finds the stores that were left."""
    await deployment.server.stop(signal.SIGKILL)
    await deployment.server.start()


async def kill_stores(deployment: Deployment) -> None:
    """Kills both stores; the supervisor starts them again."""
    ended = deployment.server.log.count("embedded store started")
    for mark in Path(deployment.server.state_dir).glob("*.pid"):
        os.kill(int(mark.read_text()), signal.SIGKILL)
    await deployment.server.find("embedded store started", ended + 2)


@pytest.mark.parametrize("kill", [kill_worker, kill_all, kill_stores])
async def test_kills_under_load_lose_nothing_and_post_nothing_twice(
    deploy: Deploy, kill: Kill
) -> None:
    chance = random.Random(kill.__name__)
    async with deploy() as deployment:
        traffic = await prepare(deployment)

        async def disturb() -> None:
            for turn in range(2):
                await eventually(partial(has_posted, traffic, turn * CALLS // 4), 30)
                await asyncio.sleep(chance.random() * 0.2)  # at any moment
                await kill(deployment)

        await load(traffic, disturb)
        await assert_all_is_well(deployment, traffic)


async def test_sigterm_drains_and_the_next_start_goes_on(deploy: Deploy) -> None:
    async with deploy() as deployment:
        traffic = await prepare(deployment)
        statuses = []

        async def restart() -> None:
            await eventually(partial(has_posted, traffic, CALLS // 4), 30)
            statuses.append(await deployment.server.stop(signal.SIGTERM))
            assert "draining" in deployment.server.log
            await deployment.server.start()

        await load(traffic, restart)
        assert statuses == [0]
        await assert_all_is_well(deployment, traffic)


async def test_two_workers_share_the_port_and_one_carries_on_alone(deploy: Deploy) -> None:
    async with deploy(workers=2) as deployment:
        traffic = await prepare(deployment)
        pids = await deployment.server.worker_pids(2)

        async def disturb() -> None:
            os.kill(pids[0], signal.SIGKILL)
            await deployment.server.worker_pids(3)

        await load(traffic, disturb)
        await assert_all_is_well(deployment, traffic)
