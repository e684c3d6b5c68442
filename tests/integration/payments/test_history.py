"""Payments in the payment history: one row from beginning to end, sums equal to the ledger."""

import random

import pytest

from tests.integration.payments.messages import (
    charge_refunded,
    completed,
    dispute,
    event,
    refund,
    session,
)
from tests.integration.payments.office import TEN_DOLLARS, Office
from tests.integration.payments.test_returns import PAID, settled
from tests.integration.payments.test_top_ups import MANUAL, confirmation
from tollgate.v1 import history_pb2 as pb

Row = tuple[int, str, str, int]
FUNDS = "SELECT balance_micros FROM accounts WHERE tenant = 'acme' AND name = 'funds'"
STATUS = pb.TransactionStatus
NOT_COUNTED = (pb.TRANSACTION_STATUS_PENDING, pb.TRANSACTION_STATUS_FAILED)


async def transactions(office: Office, language: int = 0) -> list[pb.Transaction]:
    """The history of acme by number."""
    request = pb.ListTransactionsRequest(tenant_id="acme", language=language)  # type: ignore[arg-type]
    return list((await office.admin(request)).transactions)[::-1]


async def rows(office: Office) -> list[Row]:
    """Numbers, descriptions, statuses and amounts; they add up to the funds in the ledger."""
    found = await transactions(office)
    moved = sum(row.amount_micros for row in found if row.status not in NOT_COUNTED)
    assert moved == await office.installation.ledger(FUNDS)
    assert [row.number for row in found] == list(range(1, len(found) + 1))
    prefix = len("TRANSACTION_STATUS_")
    return [
        (row.number, row.description, STATUS.Name(row.status)[prefix:], row.amount_micros)
        for row in found
    ]


async def test_a_top_up_has_its_row_and_page_from_the_beginning(office: Office) -> None:
    first, second = await office.top_up(), await office.top_up(MANUAL)
    assert await rows(office) == [
        (1, "Top-up (Stripe)", "PENDING", TEN_DOLLARS),
        (2, "Top-up (Bank transfer)", "PENDING", TEN_DOLLARS),
    ]
    await office.admin(confirmation(second))
    assert await office.tell(completed(first)) == 200
    assert [row[2] for row in await rows(office)] == ["SUCCEEDED", "SUCCEEDED"]
    row = (await transactions(office, pb.LANGUAGE_RUSSIAN))[0]
    assert (row.description, row.details_url) == ("Пополнение (Stripe)", first.page_url)
    assert (row.request_id, row.calls) == (f"top_up/{first.top_up_id}", 0)


async def test_a_top_up_that_failed_and_is_paid_after_all_counts_then(office: Office) -> None:
    top_up = await office.top_up()
    assert await office.tell(event("checkout.session.expired", session(top_up))) == 200
    assert await rows(office) == [(1, "Top-up (Stripe)", "FAILED", TEN_DOLLARS)]
    assert await office.tell(completed(top_up)) == 200
    assert await rows(office) == [(1, "Top-up (Stripe)", "SUCCEEDED", TEN_DOLLARS)]


async def test_what_is_owed_is_in_no_amount_and_paying_it_neither(office: Office) -> None:
    top_up = await office.top_up()
    await office.tell(completed(top_up))
    await office.installation.adjust("acme", -7_000_000)
    assert await settled(office) == (3_000_000, 0)  # now in the ledger, and so first in the history
    await office.tell(charge_refunded(top_up, PAID))
    assert await settled(office) == (0, 7_000_000)
    for micros in (5_000_000, 5_000_000):
        await office.tell(completed(await office.top_up(micros=micros)))
    assert await settled(office) == (3_000_000, 0)
    assert await rows(office) == [
        (1, "Top-up (Stripe)", "REFUNDED", TEN_DOLLARS),
        (2, "Adjustment: by hand", "SUCCEEDED", -7_000_000),
        (3, "Refund (Stripe)", "SUCCEEDED", -3_000_000),
        (4, "Top-up (Stripe)", "SUCCEEDED", 0),
        (5, "Top-up (Stripe)", "SUCCEEDED", 3_000_000),
    ]


async def test_a_dispute_is_shown_while_it_lasts_and_given_back_in_a_row_of_its_own(
    office: Office,
) -> None:
    top_up = await office.top_up()
    await office.tell(completed(top_up))
    await office.tell(dispute(top_up, "needs_response"))
    await settled(office)
    assert (await rows(office))[0] == (1, "Top-up (Stripe)", "DISPUTED", TEN_DOLLARS)
    await office.tell(dispute(top_up, "won"))
    await settled(office)
    assert await rows(office) == [
        (1, "Top-up (Stripe)", "SUCCEEDED", TEN_DOLLARS),
        (2, "Refund (Stripe)", "SUCCEEDED", -TEN_DOLLARS),
        (3, "Refund reversed (Stripe)", "SUCCEEDED", TEN_DOLLARS),
    ]


@pytest.mark.parametrize("seed", range(3))
async def test_random_payments_keep_their_rows_and_equal_the_ledger(
    office: Office, seed: int
) -> None:
    chance = random.Random(seed)
    top_ups = [await office.top_up(micros=chance.randint(1, 9) * 10**6) for _ in range(4)]
    numbers = {row.request_id: row.number for row in await transactions(office)}
    assert list(numbers) == [f"top_up/{top_up.top_up_id}" for top_up in top_ups]
    for step in range(30):
        top_up = chance.choice(top_ups)
        part = chance.randint(1, top_up.pay_amount_minor)
        message = chance.choice(
            [
                completed(top_up),
                event("checkout.session.expired", session(top_up)),
                charge_refunded(top_up, part),
                refund(top_up, part, f"re_{top_up.number}", chance.choice(["pending", "failed"])),
                dispute(top_up, chance.choice(["won", "lost", "under_review"]), part, created=step),
            ]
        )
        await office.tell(message)
        available = await office.balance()
        if chance.random() < 0.3 and available > 1:
            await office.installation.adjust("acme", -chance.randint(1, available))
    await settled(office)
    await rows(office)
    found = {row.request_id: row for row in await transactions(office)}
    owed = await office.owed()
    assert {key: found[key].number for key in numbers} == numbers
    for top_up in top_ups:
        now, row = await office.look(top_up), found[f"top_up/{top_up.top_up_id}"]
        assert (row.status in NOT_COUNTED) == (not now.HasField("paid_at"))
    paid = [
        now for now in [await office.look(top_up) for top_up in top_ups] if now.HasField("paid_at")
    ]
    kept = sum(now.credit_amount_micros - now.returned_micros for now in paid)
    spent = sum(
        row.amount_micros for row in found.values() if row.type == pb.TRANSACTION_TYPE_ADJUSTMENT
    )
    assert kept + spent == await office.installation.ledger(FUNDS) - owed
