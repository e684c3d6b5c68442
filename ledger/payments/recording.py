"""Takes note of what a provider told of a top-up: state, money and event id in one transaction.

Locks are taken in the order top-up, tenant, accounts; what else locks these keeps to it.
"""

from dataclasses import replace
from typing import NamedTuple

from ledger.errors import PaymentMismatch, UnknownTopUp
from ledger.history import row as history
from ledger.history.opening import mark_row
from ledger.notifications.event import Kind, write_event
from ledger.payments.facts import Facts, State
from ledger.payments.rate import returned_micros
from ledger.payments.rows import top_up_of
from ledger.payments.top_up import Notice, Recorded, TopUp, top_up_request
from ledger.payments.unclaimed import keep, kept, lock_payment
from ledger.pool import Connection
from ledger.sql import statements

SQL = statements("top_ups")

RECEIVABLE = "receivable"
# How the history shows a state.
SHOWN = {
    State.PENDING: history.PENDING,
    State.SUCCEEDED: history.SUCCEEDED,
    State.FAILED: history.FAILED,
    State.EXPIRED: history.FAILED,
    State.REFUNDED: history.REFUNDED,
    State.DISPUTED: history.DISPUTED,
}


class MoneyIn(NamedTuple):
    """Money that a provider paid out, or gave back: it pays what the tenant owes first."""

    tenant: str
    provider: str
    amount_micros: int
    kind: str
    request_id: str
    reason: str


async def record(connection: Connection, provider: str, notice: Notice) -> Recorded | None:
    """Joins an event to what is known and moves the money that follows from it; None when it is
    kept until its payment is known.

    Raises UnknownTopUp, PaymentMismatch; then nothing was changed.
    """
    if notice.payment_ref:
        await lock_payment(connection, provider, notice.payment_ref)
    top_up = await _lock(connection, provider, notice)
    if top_up is None:
        await keep(connection, provider, notice)
        return None
    notice = _in_currency_of(top_up, notice)
    _compare(top_up, notice)
    if not await _note(connection, top_up, notice):
        return Recorded(top_up, 0, 0, is_new=False)
    facts = top_up.facts.joined(notice.facts)
    if not top_up.payment_ref and notice.payment_ref:
        facts = facts.joined(await _claim(connection, top_up, notice.payment_ref))
    version = await _credit_once(connection, top_up, facts)
    out_micros = returned_micros(
        top_up.credit_micros, top_up.pay_minor, facts.out_minor(top_up.pay_minor)
    )
    return_id = 0
    if out_micros > top_up.returned_micros:
        return_id = await _take_back(connection, top_up, out_micros - top_up.returned_micros)
    elif out_micros < top_up.returned_micros:
        given = top_up.returned_micros - out_micros
        version = await _give_back(connection, top_up, given, notice) or version
    after = top_up._replace(
        facts=facts,
        state=facts.state(top_up.pay_minor),
        returned_micros=out_micros,
        provider_ref=top_up.provider_ref or notice.provider_ref,
        payment_ref=top_up.payment_ref or notice.payment_ref,
    )
    await _store(connection, after, is_paid_now=facts.paid and not top_up.facts.paid)
    await mark_row(connection, after.tenant, top_up_request(after.id), SHOWN[after.state])
    await _tell(connection, top_up, after)
    return Recorded(after, version, return_id, is_new=True)


async def _note(connection: Connection, top_up: TopUp, notice: Notice) -> bool:
    """Whether the event is new."""
    return bool(
        await connection.fetchval(
            SQL["insert_event"], top_up.provider, notice.event_id, top_up.id, notice.kind
        )
    )


async def _claim(connection: Connection, top_up: TopUp, payment_ref: str) -> Facts:
    """What was told of a payment before it was known to be this top-up's."""
    facts = Facts()
    for early in await kept(connection, top_up.provider, payment_ref):
        notice = _in_currency_of(top_up, early)
        _compare(top_up, notice)
        await _note(connection, top_up, notice)
        facts = facts.joined(notice.facts)
    return facts


async def _tell(connection: Connection, before: TopUp, after: TopUp) -> None:
    """Queues what the tenant is to know. Of a page that ran out it is told nothing: who was to pay
    knows.
    """
    if after.facts.paid and not before.facts.paid:
        kind = Kind.PAYMENT_RECEIVED
    elif after.state is State.FAILED and before.state is not State.FAILED:
        kind = Kind.PAYMENT_FAILED
    else:
        return
    details = {
        "top_up": after.id,
        "number": after.number,
        "credit_micros": after.credit_micros,
        "pay_currency": after.pay_currency,
        "pay_minor": after.pay_minor,
    }
    await write_event(connection, after.tenant, kind, None, details)


async def _lock(connection: Connection, provider: str, notice: Notice) -> TopUp | None:
    """The top-up of an event; None for one that names only a payment which nobody knows.

    Raises UnknownTopUp.
    """
    if notice.top_up:
        row = await connection.fetchrow(SQL["lock_by_id"], provider, notice.top_up)
    elif notice.number:
        row = await connection.fetchrow(SQL["lock_by_number"], provider, notice.number)
    elif notice.payment_ref:
        row = await connection.fetchrow(SQL["lock_by_payment"], provider, notice.payment_ref)
    else:
        row = None
    if row is not None:
        return top_up_of(row)
    if notice.payment_ref and not (notice.top_up or notice.number):
        return None
    raise UnknownTopUp("there is no such top-up")


def _in_currency_of(top_up: TopUp, notice: Notice) -> Notice:
    """A dispute in a currency of the payer's bank holds back all of the payment: what part of it
    that is, nobody tells.
    """
    if not notice.facts.disputes or notice.pay_currency == top_up.pay_currency:
        return notice
    disputes = {
        name: dispute._replace(minor=top_up.pay_minor)
        for name, dispute in notice.facts.disputes.items()
    }
    facts = replace(notice.facts, disputes=disputes)
    return notice._replace(facts=facts, pay_currency=top_up.pay_currency)


def _compare(top_up: TopUp, notice: Notice) -> None:
    if notice.pay_currency and notice.pay_currency != top_up.pay_currency:
        raise PaymentMismatch("currency")
    if notice.pay_minor is not None and notice.pay_minor != top_up.pay_minor:
        raise PaymentMismatch("amount")
    for name in ("provider_ref", "payment_ref"):
        kept, told = getattr(top_up, name), getattr(notice, name)
        if kept and told and kept != told:
            raise PaymentMismatch(name)


async def _credit_once(connection: Connection, top_up: TopUp, facts: Facts) -> int:
    if top_up.facts.paid or not facts.paid:
        return 0
    return await money_in(
        connection,
        MoneyIn(
            top_up.tenant,
            top_up.provider,
            top_up.credit_micros,
            "top_up",
            top_up_request(top_up.id),
            f"top-up {top_up.number} by {top_up.provider}",
        ),
    )


async def _take_back(connection: Connection, top_up: TopUp, amount_micros: int) -> int:
    """Records the intent; the money itself is moved where it lives, in the live store."""
    return int(
        await connection.fetchval(
            SQL["insert_return"], top_up.id, top_up.tenant, top_up.provider, amount_micros
        )
    )


async def _give_back(
    connection: Connection, top_up: TopUp, amount_micros: int, notice: Notice
) -> int:
    return await money_in(
        connection,
        MoneyIn(
            top_up.tenant,
            top_up.provider,
            amount_micros,
            "give_back",
            f"give_back/{notice.event_id}",
            f"top-up {top_up.number}: {top_up.provider} gave back",
        ),
    )


async def money_in(connection: Connection, money: MoneyIn) -> int:
    """Posts it and returns the tenant's version to be applied; 0 when all of it was owed."""
    currency = await connection.fetchval(SQL["lock_tenant"], money.tenant)
    accounts = await connection.fetch(SQL["lock_accounts"], money.tenant)
    balances = {row["name"]: row["balance_micros"] for row in accounts}
    ids = {row["name"]: row["id"] for row in accounts}
    clearing = await _clearing(connection, money.provider, currency)
    owed = min(money.amount_micros, -balances.get(RECEIVABLE, 0))
    rest = money.amount_micros - owed
    cause = (money.tenant, money.request_id, money.reason)
    if owed:
        await connection.execute(
            SQL["insert_posting"], clearing, ids[RECEIVABLE], owed, "owed_paid", *cause, None
        )
    if not rest:
        return 0
    version = int(await connection.fetchval(SQL["raise_version"], money.tenant))
    await connection.execute(
        SQL["insert_posting"], clearing, ids["funds"], rest, money.kind, *cause, version
    )
    await connection.execute(SQL["insert_change"], money.tenant, version, rest)
    return version


async def _clearing(connection: Connection, provider: str, currency: str) -> int:
    name = f"clearing.{provider}"
    await connection.execute(SQL["insert_clearing"], name, currency)
    return int(await connection.fetchval(SQL["find_clearing"], name, currency))


async def _store(connection: Connection, after: TopUp, *, is_paid_now: bool) -> None:
    await connection.execute(
        SQL["update_top_up"],
        after.id,
        after.facts.to_document(),
        State(after.state).value,
        after.returned_micros,
        after.provider_ref,
        after.payment_ref,
        is_paid_now,
    )
