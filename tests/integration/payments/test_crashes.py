"""Crashes: an abort between two steps changes nothing, what was committed is carried out."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from ledger.errors import LedgerUnavailable
from ledger.payments.facts import Facts
from ledger.payments.top_up import Notice
from ledger.payments.top_ups import TopUps
from server.embedded import EmbeddedValkey
from tests.integration.api.gateway import Gateway
from tests.integration.api.installation import ADMIN_KEY, eventually, installed
from tests.integration.api.stream import stream
from tests.integration.payments.messages import charge_refunded, completed
from tests.integration.payments.office import TEN_DOLLARS, Office, opened
from tollgate.v1 import call_authorization_pb2 as calls
from tollgate.v1 import payments_pb2 as pb


class Cut:
    """A pool whose connection breaks at a statement, or after the commit."""

    def __init__(self, pool: Any, at: int) -> None:
        self._pool, self._left = pool, at

    def acquire(self, **options: Any) -> Any:
        return self._acquired(**options)

    @asynccontextmanager
    async def _acquired(self, **options: Any) -> AsyncIterator[Any]:
        async with self._pool.acquire(**options) as connection:
            yield _Connection(connection, self._step)
            self._step()  # the reply to the commit is lost

    def _step(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise ConnectionResetError


class _Connection:
    def __init__(self, connection: Any, step: Callable[[], None]) -> None:
        self._connection, self._step = connection, step

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._connection, name)
        if name not in ("execute", "fetch", "fetchrow", "fetchval"):
            return found

        async def run(*arguments: Any) -> Any:
            self._step()
            return await found(*arguments)

        return run


async def test_an_abort_at_any_statement_leaves_all_or_nothing(office: Office) -> None:
    pool = office.installation.parts._pool
    aborted = 0
    for at in range(40):
        top_up = await office.top_up(pb.PAYMENT_PROVIDER_MANUAL)
        notice = Notice(f"confirm/{top_up.top_up_id}", "x", Facts(paid=True), top_up.top_up_id)
        before = len(await office.postings())
        try:
            await TopUps(Cut(pool, at)).record("manual", notice)  # type: ignore[arg-type]
        except LedgerUnavailable:
            aborted += 1
        else:
            break
        found = await office.look(top_up)
        posted = len(await office.postings()) - before
        events = await office.installation.ledger(
            "SELECT count(*) FROM payment_events WHERE top_up = $1", top_up.top_up_id
        )
        is_whole = (found.state, posted, events) == (pb.TOP_UP_STATE_SUCCEEDED, 1, 1)
        assert is_whole or (found.state, posted, events) == (pb.TOP_UP_STATE_PENDING, 0, 0), at
        recorded = await TopUps(pool).record("manual", notice)
        assert recorded is not None
        assert recorded.is_new is not is_whole
    assert aborted > 8
    await office.installation.parts.applier.catch_up()
    assert await office.balance() == (aborted + 1) * TEN_DOLLARS
    await office.installation.settled_down()


async def test_a_credit_that_was_committed_and_not_applied_reaches_the_balance(
    office: Office,
) -> None:
    top_up = await office.top_up()
    notice = Notice("evt_crash", "x", Facts(paid=True), top_up.top_up_id)
    assert await office.balance() == 0  # from now on the live store holds the tenant
    await office.installation.parts.payments.top_ups.record("stripe", notice)
    assert await office.balance() == 0
    office.installation.beside(office.installation.parts.applier.run)

    async def applied() -> bool:
        return await office.balance() == TEN_DOLLARS

    await eventually(applied, patience_s=1.5)
    await office.installation.settled_down()


@pytest.mark.timeout(60)
async def test_payments_and_refunds_during_an_outage_of_redis_arrive_when_it_returns(
    own_valkey: EmbeddedValkey, postgres_dsn: str
) -> None:
    def install(**changes: Any) -> Any:
        return installed(own_valkey.url, postgres_dsn, **changes)

    async with opened(install) as office:
        parts = office.installation.parts
        office.installation.beside(parts.applier.run)
        office.installation.beside(parts.payments.returner.run)
        first, second = await office.top_up(), await office.top_up()
        await own_valkey.stop()
        for top_up in (first, second):
            assert await office.tell(completed(top_up)) == 200
            assert await office.tell(completed(top_up)) == 200
        assert await office.tell(charge_refunded(first, 1_000)) == 200
        assert (await office.look(second)).state == pb.TOP_UP_STATE_SUCCEEDED
        await own_valkey.start()

        async def arrived() -> bool:
            try:
                is_open = await parts.payments.top_ups.open_returns(1)
                return not is_open and await office.balance() == TEN_DOLLARS
            except Exception:  # the store is on its way back
                return False

        await eventually(arrived, patience_s=30)
        await office.installation.settled_down()
        assert await office.owed() == 0


@pytest.mark.timeout(60)
async def test_a_running_call_is_told_of_a_payment_that_came_while_redis_was_away(
    own_valkey: EmbeddedValkey, postgres_dsn: str
) -> None:
    def install(**changes: Any) -> Any:
        return installed(own_valkey.url, postgres_dsn, **changes)

    async with (
        opened(install) as office,
        stream(office.installation.channel, ADMIN_KEY) as session,
    ):
        office.installation.beside(office.installation.parts.applier.run)
        await office.installation.adjust("acme", 15_000)
        gateway, top_up = Gateway(office.admin), await office.top_up()
        [started] = await session.ask(gateway.authorization())
        assert started.authorize.grant.reserved_micros == 15_000
        await own_valkey.stop()
        assert await office.tell(completed(top_up)) == 200
        await own_valkey.start()
        assert await session.push("c1") == calls.DIRECTIVE_REPORT_NOW
        [reply] = await session.ask(gateway.report("c1", 5))
        assert reply.charge.directive == calls.DIRECTIVE_CONTINUE
        assert reply.charge.grant.reserved_micros == 60_000
