"""Events of payments that belong to no top-up as far as is known.

They come before their payment, or tell of something else that the account sells: both look alike,
because a refund or dispute names only its payment. So they are kept until the payment is known.
"""

from collections.abc import Sequence

from ledger.payments.facts import Facts
from ledger.payments.top_up import Notice
from ledger.pool import Connection
from ledger.sql import statements

SQL = statements("top_ups")


async def lock_payment(connection: Connection, provider: str, payment_ref: str) -> None:
    """Lets one transaction at a time look for a payment and then keep, or claim, its events."""
    await connection.execute(SQL["lock_payment"], provider, payment_ref)


async def keep(connection: Connection, provider: str, notice: Notice) -> None:
    """Keeps an event of a payment that is locked; what is too old to be claimed goes."""
    await connection.execute(SQL["forget_unclaimed"])
    await connection.execute(
        SQL["keep_unclaimed"],
        provider,
        notice.event_id,
        notice.payment_ref,
        notice.kind,
        notice.facts.to_document(),
        notice.pay_minor,
        notice.pay_currency,
    )


async def kept(connection: Connection, provider: str, payment_ref: str) -> Sequence[Notice]:
    """What was kept of a payment that is locked."""
    rows = await connection.fetch(SQL["list_unclaimed"], provider, payment_ref)
    return [
        Notice(
            row["event_id"],
            row["kind"],
            Facts.from_document(row["facts"]),
            payment_ref=payment_ref,
            pay_minor=row["pay_minor"],
            pay_currency=row["pay_currency"],
        )
        for row in rows
    ]
