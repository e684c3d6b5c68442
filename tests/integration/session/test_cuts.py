"""A stream that is cut at every message: nothing is lost, nothing is charged or posted twice."""

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from tests.integration.api.conftest import Install
from tests.integration.api.gateway import Gateway
from tests.integration.api.installation import SECOND, Installation, eventually
from tests.integration.api.stream import Stream, gone
from tests.integration.session.careful import (
    CarefulGateway,
    Fault,
    Step,
    address_through,
    decided,
)
from tests.proxy import Proxy, Upstream

BALANCE = 1_000_000_000
CALLS = 3
ENDS_AT = 30


def a_life(gateway: Gateway, name: str) -> list[Step]:
    """A few calls from start to end, one message for each moment."""
    calls = [f"{name}-{number}" for number in range(CALLS)]
    return [
        [gateway.authorization(each) for each in calls],
        [gateway.report(each, 10) for each in calls],
        [gateway.report(each, seconds) for each in calls for seconds in (15, 20)],
        [gateway.report(calls[0], 25), gateway.settlement(calls[0], ENDS_AT)],
        [gateway.settlement(each, ENDS_AT) for each in calls[1:]],
    ]


MESSAGES = len(a_life(Gateway(None, "acme"), ""))  # type: ignore[arg-type]


@pytest.fixture
async def proxy(installation: Installation) -> AsyncIterator[Proxy]:
    """The way from the gateway to the server."""
    async with Proxy(Upstream.of(f"redis://{installation.address}")) as proxy:
        yield proxy


async def assert_posted_once(installation: Installation, charged: dict[str, int]) -> None:
    """The ledger holds what was reported, once, and nothing is held back any more."""
    await installation.settled_down()
    assert set(charged.values()) == {ENDS_AT * SECOND}
    rows = await installation.ledger("SELECT count(*) FROM postings WHERE call_id IS NOT NULL")
    assert rows == len(charged)
    balance = await installation.balance()
    assert balance.balance_micros == BALANCE - len(charged) * ENDS_AT * SECOND
    assert (balance.reserved_micros, balance.active_calls, balance.unposted_micros) == (0, 0, 0)


@pytest.mark.parametrize("how", ["when sent", "when decided", "when answered", "by the client"])
async def test_a_stream_may_be_cut_at_every_message(
    installation: Installation, proxy: Proxy, how: str
) -> None:
    await installation.tenant(balance=BALANCE)
    gateway = Gateway(installation.admin)
    careful = CarefulGateway(gateway, address_through(proxy))

    async def send_unheard(session: Stream, step: Step) -> None:
        await session.call.wait_for_connection()
        proxy.hold_replies()
        ids = await session.send(*step)
        await decided(gateway, step)
        assert not {each.id for each in session.results}.intersection(ids)

    async def cut(session: Stream, step: Step) -> None:
        if how == "when decided":
            await send_unheard(session, step)
        else:
            ids = await session.send(*step)
            if how == "when answered":
                await session.result(ids[-1])  # and yet the gateway takes no note of it
        if how == "by the client":
            session.call.cancel()
        else:
            proxy.cut()
            proxy.restore()

    for message in range(MESSAGES):
        await careful.live(a_life(gateway, f"cut{message}"), {message: cut})
    await careful.live(a_life(gateway, "all"), dict.fromkeys(range(MESSAGES), cut))
    assert careful.streams >= 3 * MESSAGES + 1
    assert len(careful.charged) == (MESSAGES + 1) * CALLS
    await assert_posted_once(installation, careful.charged)
    await gone(installation)


@pytest.mark.parametrize("seed", range(2))
async def test_calls_over_streams_that_are_cut_at_random_come_out_right(
    installation: Installation, install: Install, proxy: Proxy, seed: int
) -> None:
    chance = random.Random(seed)
    await installation.tenant(balance=BALANCE)
    async with install(posts=False) as beside:
        gateway = Gateway(installation.admin)
        addresses = [address_through(proxy), beside.address]
        gateways = [CarefulGateway(gateway, addresses[number % 2]) for number in range(6)]

        async def cut_all(session: Stream, step: Step) -> None:
            await session.send(*step)
            proxy.cut()  # others' streams, too
            await asyncio.sleep(chance.random() / 100)
            proxy.restore()

        async def leave(session: Stream, step: Step) -> None:
            await session.send(*step)
            await asyncio.sleep(chance.random() / 100)
            session.call.cancel()

        async def lives(number: int) -> None:
            for turn in range(4):
                steps = a_life(gateway, f"g{number}-{turn}")
                await gateways[number].live(steps, faults_for(steps, [cut_all, leave]))

        def faults_for(steps: Sequence[Any], kinds: Sequence[Fault]) -> dict[int, Fault]:
            hit = [number for number in range(len(steps)) if chance.random() < 0.4]
            return {number: chance.choice(kinds) for number in hit}

        async with asyncio.TaskGroup() as group:
            for number in range(len(gateways)):
                group.create_task(lives(number))
        charged = {call: micros for each in gateways for call, micros in each.charged.items()}
        assert len(charged) == 6 * 4 * CALLS
        await assert_posted_once(installation, charged)


async def test_calls_of_a_gateway_that_never_comes_back_end_with_their_leases(
    install: Install,
) -> None:
    async with install(lease_ms=200, grace_ms=0, late_window_s=0) as installation:
        await installation.tenant(balance=BALANCE)
        gateway = Gateway(installation.admin)
        careful = CarefulGateway(gateway, installation.address)
        await careful.live(a_life(gateway, "lost")[:3], {})
        await gone(installation)

        async def none_runs() -> bool:
            await installation.parts.sweepers[0].tick()
            return (await installation.balance()).active_calls == 0

        await eventually(none_runs)
        await installation.settled_down()
        balance = await installation.balance()
        assert balance.reserved_micros == 0
        assert balance.balance_micros == BALANCE - CALLS * 20 * SECOND
