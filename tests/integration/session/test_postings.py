"""Settles of a stream: ACCEPTED at once, POSTED later under the same id, and never wrongly."""

from collections.abc import Callable, Coroutine
from typing import Any

import grpc

from quota.decision import SweepDeed
from tests.integration.api.conftest import Install
from tests.integration.api.gateway import Gateway
from tests.integration.api.installation import ADMIN_KEY, Installation, installed, usage
from tests.integration.api.stream import Stream, stream
from tests.integration.api.test_expiry import SILENT, sweep
from tests.proxy import Proxy
from tollgate.v1 import common_pb2

Proxied = Callable[[str], Coroutine[Any, Any, Proxy]]
ACCEPTED, POSTED = common_pb2.SETTLEMENT_ACCEPTED, common_pb2.SETTLEMENT_POSTED


async def test_a_settle_is_posted_once_the_ledger_has_it(install: Install) -> None:
    async with install(posts=False) as installation:
        await installation.tenant(balance=1_000_000)
        gateway = Gateway(installation.admin)
        async with stream(installation.channel, ADMIN_KEY) as session:
            requests = [gateway.settlement(f"c{number}", 10) for number in range(20)]
            results = await session.ask(*requests)
            assert {each.settle.settlement for each in results} == {ACCEPTED}
            installation.beside(installation.parts.posters[0].run)
            for accepted in results:
                posted = await session.result(accepted.id, answer=2)
                assert posted.settle.settlement == POSTED
                posted.settle.settlement = ACCEPTED
                assert posted == accepted
            await installation.settled_down()


async def test_while_the_ledger_is_away_settles_are_accepted_and_posted_when_it_is_back(
    proxied: Proxied, redis_url: str, postgres_dsn: str
) -> None:
    proxy = await proxied(postgres_dsn)
    async with (
        installed(redis_url, proxy.url) as installation,
        stream(installation.channel, ADMIN_KEY) as session,
    ):
        await installation.tenant(balance=1_000_000)
        gateway = Gateway(installation.admin)
        await session.ask(gateway.authorization("c1"), gateway.report("c1", 10))
        proxy.cut()
        [accepted] = await session.ask(gateway.settlement("c1", 20))
        assert accepted.settle.settlement == ACCEPTED
        proxy.restore()
        posted = await session.result(accepted.id, answer=2)
        assert (posted.settle.settlement, posted.settle.charged_micros) == (POSTED, 20_000)
        await installation.settled_down()


async def test_a_settle_that_was_lost_with_its_shard_is_not_told_posted(install: Install) -> None:
    async with install(posts=False) as installation:
        for tenant in ("acme", "globex"):
            await installation.tenant(tenant, balance=1_000_000)
        gateway = Gateway(installation.admin)
        another = Gateway(installation.admin, "globex")
        async with stream(installation.channel, ADMIN_KEY) as session:
            [lost] = await session.ask(gateway.settlement("c1", 10))
            assert lost.settle.settlement == ACCEPTED
            await installation.lose_everything()
            installation.beside(installation.parts.posters[0].run)
            # These take the numbers that the lost one had.
            others = [another.settlement(f"c{number}", 10) for number in range(5)]
            for each in await session.ask(*others):
                assert (await session.result(each.id, answer=2)).settle.settlement == POSTED
            assert [each.id for each in session.results].count(lost.id) == 1
            [again] = await session.ask(gateway.settlement("c1", 10))
            if again.settle.settlement != POSTED:
                again = await session.result(again.id, answer=2)
            assert (again.settle.settlement, again.settle.charged_micros) == (POSTED, 10_000)
            assert [each.id for each in session.results].count(lost.id) == 1
            await installation.settled_down()


async def test_usage_that_comes_too_late_is_recorded_once_it_is_posted(install: Install) -> None:
    async with install(posts=False, **SILENT) as installation:
        await installation.tenant(balance=1_000_000)
        gateway = Gateway(installation.admin)
        async with stream(installation.channel, ADMIN_KEY) as session:
            await session.ask(gateway.authorization("c1"), gateway.report("c1", 10))
            await sweep(installation, SweepDeed.CLOSED)
            [late] = await session.ask(gateway.settlement("c1", 25))
            assert late.settle.settlement == ACCEPTED
            assert late.settle.outcome == common_pb2.OUTCOME_INCOMPLETE
            installation.beside(installation.parts.posters[0].run)
            posted = (await session.result(late.id, answer=2)).settle
            assert (posted.settlement, posted.charged_micros) == (POSTED, 10_000)
            assert (await gateway.call("c1")).late_usage == usage(25)
            assert await installation.ledger("SELECT count(*) FROM late_usage") == 1
            await installation.settled_down()


async def test_who_sends_no_more_is_answered_and_does_not_wait_for_postings(
    install: Install,
) -> None:
    async with install(posts=False) as installation:
        await installation.tenant(balance=1_000_000)
        gateway = Gateway(installation.admin)
        async with stream(installation.channel, ADMIN_KEY) as session:
            await session.send(gateway.authorization("c1"), gateway.settlement("c1", 10))
            assert await session.finish() is grpc.StatusCode.OK
            assert [each.id for each in session.results] == [1, 2]
            assert session.results[1].settle.settlement == ACCEPTED


async def test_a_repeat_on_another_stream_has_the_same_result(
    installation: Installation, gateway: Gateway, session: Stream
) -> None:
    [first] = await session.ask(gateway.settlement("c1", 10))
    posted = await session.result(first.id, answer=2)
    async with stream(installation.channel, ADMIN_KEY) as another:
        [again] = await another.ask(gateway.settlement("c1", 10))
        assert again.settle == posted.settle
    await installation.settled_down()
