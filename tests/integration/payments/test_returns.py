"""Refunds and disputes: what is there comes out at once, the rest is owed and paid first."""

import asyncio
import itertools
import random
from typing import Any

import pytest

from ledger.payments.facts import Facts
from ledger.payments.top_up import Notice
from quota.errors import StoreUnavailable
from quota.keys import key, shard_of
from server.background.ending import end_tasks
from server.metrics import ALARMS
from tests.integration.api.gateway import Gateway
from tests.integration.api.installation import eventually
from tests.integration.payments.messages import charge_refunded, completed, dispute, refund
from tests.integration.payments.office import TEN_DOLLARS, Install, Office, opened
from tollgate.v1 import call_authorization_pb2 as calls
from tollgate.v1 import payments_pb2 as pb

PAID = 1_000  # ten dollars in cents


async def paid(office: Office, micros: int = TEN_DOLLARS) -> pb.TopUp:
    """A top-up that is paid."""
    top_up = await office.top_up(micros=micros)
    assert await office.tell(completed(top_up)) == 200
    return top_up


async def settled(office: Office) -> tuple[int, int]:
    """The live balance and what is owed, when all is posted; the audit finds no difference."""

    async def done() -> bool:
        return not await office.installation.parts.payments.top_ups.open_returns(1)

    await eventually(done)
    await office.installation.settled_down()
    return await office.balance(), await office.owed()


async def test_a_refund_takes_back_what_it_took(office: Office) -> None:
    top_up = await paid(office)
    assert await office.tell(charge_refunded(top_up, 400)) == 200
    assert await settled(office) == (6_000_000, 0)
    assert (await office.look(top_up)).state == pb.TOP_UP_STATE_SUCCEEDED
    assert await office.tell(refund(top_up, 400)) == 200  # the same refund, told by itself
    assert await office.tell(charge_refunded(top_up, PAID)) == 200
    assert await settled(office) == (0, 0)
    assert (await office.look(top_up)).state == pb.TOP_UP_STATE_REFUNDED
    kinds = [("top_up", TEN_DOLLARS), ("return", 4_000_000), ("return", 6_000_000)]
    assert await office.postings() == kinds


async def test_what_was_spent_is_owed_and_the_next_top_up_pays_it_first(office: Office) -> None:
    top_up = await paid(office)
    await office.installation.adjust("acme", -7_000_000)
    assert await office.tell(charge_refunded(top_up, PAID)) == 200
    assert await settled(office) == (0, 7_000_000)
    await paid(office, 5_000_000)
    assert await settled(office) == (0, 2_000_000)
    await paid(office, 5_000_000)
    assert await settled(office) == (3_000_000, 0)
    postings = [row for row in await office.postings() if row[0] != "debit"]
    assert postings == [
        ("top_up", 10_000_000),
        ("return", 3_000_000),
        ("return_owed", 7_000_000),
        ("owed_paid", 5_000_000),
        ("owed_paid", 2_000_000),
        ("top_up", 3_000_000),
    ]


async def test_a_dispute_takes_the_money_and_gives_it_back_when_it_is_won(office: Office) -> None:
    top_up = await paid(office)
    await office.installation.adjust("acme", -4_000_000)
    assert await office.tell(dispute(top_up, "needs_response")) == 200
    assert await settled(office) == (0, 4_000_000)
    assert (await office.look(top_up)).state == pb.TOP_UP_STATE_DISPUTED
    assert await office.tell(dispute(top_up, "won")) == 200
    assert await settled(office) == (6_000_000, 0)
    assert (await office.look(top_up)).state == pb.TOP_UP_STATE_SUCCEEDED
    assert (await office.look(top_up)).returned_micros == 0


async def test_a_dispute_in_another_currency_takes_the_whole_payment(office: Office) -> None:
    top_up = await paid(office)
    for status in ("warning_needs_response", "needs_response"):
        message = dispute(top_up, status, 77)
        message["data"]["object"]["currency"] = "eur"
        assert await office.tell(message) == 200
    assert await settled(office) == (0, 0)
    assert (await office.look(top_up)).returned_micros == TEN_DOLLARS
    won = dispute(top_up, "won", 77, created=2**31)
    won["data"]["object"]["currency"] = "eur"
    assert await office.tell(won) == 200
    assert await settled(office) == (TEN_DOLLARS, 0)


async def test_an_inquiry_takes_nothing_and_a_lost_dispute_keeps_what_it_took(
    office: Office,
) -> None:
    top_up = await paid(office)
    for status in ("warning_needs_response", "warning_closed"):
        assert await office.tell(dispute(top_up, status)) == 200
    assert await settled(office) == (TEN_DOLLARS, 0)
    for status in ("under_review", "lost", "needs_response"):  # the last one comes late
        assert await office.tell(dispute(top_up, status)) == 200
    assert await settled(office) == (0, 0)
    assert (await office.look(top_up)).state == pb.TOP_UP_STATE_DISPUTED


async def test_a_refund_that_fails_is_given_back(office: Office) -> None:
    top_up = await paid(office)
    assert await office.tell(refund(top_up, PAID, status="pending")) == 200
    assert await settled(office) == (0, 0)
    assert await office.tell(refund(top_up, PAID, status="failed")) == 200
    assert await settled(office) == (TEN_DOLLARS, 0)


async def test_a_refund_that_is_told_before_the_payment_waits_for_it(office: Office) -> None:
    top_up = await office.top_up()
    assert await office.tell(charge_refunded(top_up, PAID)) == 200
    assert await office.balance() == 0
    assert await office.tell(completed(top_up)) == 200
    assert await settled(office) == (0, 0)
    assert (await office.look(top_up)).state == pb.TOP_UP_STATE_REFUNDED


async def test_a_return_does_not_overtake_the_credit_that_it_takes_back(office: Office) -> None:
    assert await office.balance() == 0  # the live store holds the account as of before
    payments, top_up = office.installation.parts.payments, await office.top_up()
    for event_id, facts in (("evt_1", Facts(paid=True)), ("evt_2", Facts(refunded_minor=PAID))):
        await payments.top_ups.record("stripe", Notice(event_id, "x", facts, top_up.top_up_id))
    await payments.returner.move_open()
    assert await settled(office) == (0, 0)
    assert await office.postings() == [("top_up", TEN_DOLLARS), ("return", TEN_DOLLARS)]


async def test_what_is_told_before_its_payment_is_kept_for_it(office: Office) -> None:
    top_up = await office.top_up()
    early = (refund(top_up, 300), dispute(top_up, "needs_response", 500), unmarked(top_up, 300))
    for message in (*early, *early):
        assert await office.tell(message) == 200
    assert await settled(office) == (0, 0)
    assert await office.tell(completed(top_up)) == 200
    assert await settled(office) == (2_000_000, 0)
    assert (await office.look(top_up)).state == pb.TOP_UP_STATE_DISPUTED
    for message in early:
        assert await office.tell(message) == 200
    assert await settled(office) == (2_000_000, 0)


def unmarked(top_up: pb.TopUp, minor: int) -> dict[str, Any]:
    """So much of a charge was refunded, of which only the payment is told."""
    message = charge_refunded(top_up, minor)
    message["data"]["object"]["metadata"] = {}
    return message


async def test_a_payment_and_what_follows_it_told_at_once_end_alike(office: Office) -> None:
    for number in range(1, 9):
        top_up = await office.top_up()
        messages = [
            completed(top_up),
            refund(top_up, 400, f"re_{number}"),
            dispute(top_up, "lost", 600),
        ]
        assert set(await asyncio.gather(*map(office.tell, messages))) == {200}
        assert await settled(office) == (0, 0)
        assert (await office.look(top_up)).returned_micros == TEN_DOLLARS


async def test_refunds_and_disputes_of_something_else_are_taken_without_an_alarm(
    office: Office,
) -> None:
    top_up = await paid(office)
    foreign = pb.TopUp(top_up_id="none", pay_amount_minor=777, pay_currency="EUR")
    without_intent = dispute(foreign, "needs_response")
    without_intent["data"]["object"]["payment_intent"] = None
    before = ALARMS.labels("webhook_unknown_top_up")._value.get()
    for message in (
        refund(foreign, 777),
        unmarked(foreign, 777),
        dispute(foreign, "needs_response"),
        dispute(foreign, "won"),
        without_intent,
    ):
        assert await office.tell(message) == 200
    assert ALARMS.labels("webhook_unknown_top_up")._value.get() == before
    assert await settled(office) == (TEN_DOLLARS, 0)
    assert await office.installation.ledger("SELECT count(*) FROM unclaimed_events") == 4
    assert await office.installation.ledger("SELECT count(*) FROM payment_events") == 1
    assert (await office.look(top_up)).state == pb.TOP_UP_STATE_SUCCEEDED


async def test_what_nobody_claimed_for_ninety_days_is_forgotten(office: Office) -> None:
    old = pb.TopUp(top_up_id="old", pay_amount_minor=777, pay_currency="EUR")
    assert await office.tell(refund(old, 777)) == 200
    await office.installation.ledger(
        "UPDATE unclaimed_events SET told_at = now() - interval '91 days' RETURNING 1"
    )
    assert await office.tell(refund(old, 777)) == 200
    kept = "SELECT count(*) FROM unclaimed_events WHERE told_at < now() - interval '90 days'"
    assert await office.installation.ledger(kept) == 0


async def test_running_calls_end_when_the_money_is_taken_back(office: Office) -> None:
    top_up = await paid(office, 1_000_000)
    gateway = Gateway(office.admin)
    await gateway.accepted()
    held = (await office.installation.balance()).reserved_micros
    assert await office.tell(charge_refunded(top_up, 100)) == 200
    assert await settled(office) == (held, 1_000_000 - (1_000_000 - held))
    reply = await gateway.charge("c1", held / 1_000_000 * 1_000 - 1)
    assert reply.directive in (calls.DIRECTIVE_FINISH, calls.DIRECTIVE_HANG_UP)
    refused = await gateway.refused("c2")
    assert refused.reason == calls.REFUSAL_REASON_INSUFFICIENT_BALANCE


@pytest.mark.parametrize("seed", range(6))
async def test_events_in_any_order_and_twice_end_alike(office: Office, seed: int) -> None:
    chance, top_up = random.Random(seed), await office.top_up()
    told: list[dict[str, Any]] = [
        completed(top_up),
        completed(top_up, payment_status="unpaid"),
        charge_refunded(top_up, 100),
        refund(top_up, 100),
        refund(top_up, 200, "re_2", "pending"),
        refund(top_up, 200, "re_2", "failed"),
        dispute(top_up, "needs_response", 300, created=1),
        dispute(top_up, "won", 300, created=2),
        dispute(top_up, "lost", 300, created=3),
    ]
    told += chance.sample(told, 5)
    chance.shuffle(told)
    assert [await office.tell(message) for message in told] == [200] * len(told)
    assert await settled(office) == (6_000_000, 0)
    found = await office.look(top_up)
    assert (found.state, found.returned_micros) == (pb.TOP_UP_STATE_DISPUTED, 4_000_000)


async def test_returns_at_once_take_the_money_once(office: Office) -> None:
    first, second = await paid(office), await paid(office)
    messages = [
        *(charge_refunded(first, minor) for minor in (200, 400, 600, 800, PAID)),
        *(charge_refunded(second, minor) for minor in (PAID, 500)),
    ]
    codes = await asyncio.gather(*(office.tell(message) for message in messages))
    assert set(codes) == {200}
    assert await settled(office) == (0, 0)


async def test_a_job_that_is_killed_at_any_point_takes_once(office: Office) -> None:
    top_up = await paid(office)
    returner = office.installation.parts.payments.returner
    top_ups = office.installation.parts.payments.top_ups
    for minor in itertools.count(100, 100):
        facts = Facts(refunded_minor=minor)
        await top_ups.record("stripe", Notice(f"evt_k{minor}", "x", facts, top_up.top_up_id))
        job = asyncio.create_task(returner.run())
        for _ in range(minor // 50):  # each time it comes a little further
            await asyncio.sleep(0)
        await end_tasks([job])
        if minor == PAID:
            break
    returner._asked.clear()
    await returner.move_open()
    returner._asked.clear()
    await returner.move_open()
    assert await settled(office) == (0, 0)


async def test_a_return_that_the_store_lost_before_it_was_posted_is_taken_again(
    install: Install,
) -> None:
    async with opened(install, posts=False) as office:
        parts, top_up = office.installation.parts, await paid(office)
        assert await office.tell(charge_refunded(top_up, PAID)) == 200
        assert await office.balance() == 0
        await office.installation.lose_everything()
        assert await office.balance() == TEN_DOLLARS
        parts.payments.returner._asked.clear()
        await parts.payments.returner.move_open()
        assert await office.balance() == 0
        for poster in parts.posters:
            office.installation.beside(poster.run)
        assert await settled(office) == (0, 0)


async def test_a_shard_that_is_away_keeps_no_return_of_another_waiting(install: Install) -> None:
    async with opened(install, shards=2, store_timeout_ms=300) as office:
        away = shard_of("acme", 2)
        beyond = next(name for name in "abcdefgh" if shard_of(name, 2) != away)
        await office.installation.tenant(beyond)
        payments = office.installation.parts.payments
        for tenant in ("acme", beyond):
            top_up = await office.top_up(tenant_id=tenant)
            assert await office.tell(completed(top_up)) == 200
            facts = Facts(refunded_minor=PAID)
            notice = Notice(f"evt_{tenant}", "x", facts, top_up.top_up_id)
            await payments.top_ups.record("stripe", notice)
        async with office.installation.redis() as client:
            await client.rename(key(away, "accounts"), "aside")
            await client.set(key(away, "accounts"), "of another type")
            with pytest.raises(StoreUnavailable):
                await payments.returner.move_open()
            assert (await office.installation.balance(beyond)).balance_micros == 0
            await client.rename("aside", key(away, "accounts"))
        await payments.returner.move_open()
        assert await settled(office) == (0, 0)
