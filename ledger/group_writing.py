"""Writes a decided group: every table once, its rows as arrays."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from ledger.columns import columns
from ledger.entry import Aside, ForcedReturn, PostedDebit, SettledCall
from ledger.group import FUNDS, RECEIVABLE, Plan
from ledger.pool import Connection, Row
from ledger.sql import statements

SQL = statements("journal")

Accounts = dict[tuple[str, str], int]  # ids by (name, currency), or by (name, tenant)

OF_A_TENANT = (FUNDS, RECEIVABLE)


async def write(
    connection: Connection, shard: int, epoch: int, plan: Plan, funds: Sequence[Row]
) -> None:
    """Writes what a plan holds; `funds` are the accounts of the plan's tenants."""
    if plan.calls:
        rows: Iterable[Sequence[Any]] = map(_call_row, plan.calls)
        await connection.execute(SQL["insert_calls"], shard, epoch, *columns(rows))
    if plan.debits:
        rows = (_request_row(shard, epoch, debit) for debit in plan.debits)
        await connection.execute(SQL["insert_requests"], *columns(rows))
    if plan.returned:
        await connection.execute(SQL["complete_returns"], *columns(plan.returned))
    if plan.postings:
        await _write_postings(connection, shard, epoch, plan, funds)
    if plan.spend:
        rows = ((*key, amount) for key, amount in sorted(plan.spend.items()))
        await connection.execute(SQL["add_spend"], *columns(rows))
    if plan.crossings:
        await connection.execute(SQL["insert_events"], shard, epoch, *columns(plan.crossings))
    if plan.asides:
        rows = map(_aside_row, plan.asides)
        await connection.execute(SQL["insert_set_aside"], shard, epoch, *columns(rows))


async def _write_postings(
    connection: Connection, shard: int, epoch: int, plan: Plan, funds: Sequence[Row]
) -> None:
    currencies = {row["tenant"]: row["currency"] for row in funds}
    needed = {
        (account, currencies[posting.tenant])
        for posting in plan.postings
        for account in (posting.debit, posting.credit)
        if account not in OF_A_TENANT
    }
    accounts = await _installation_accounts(connection, needed)
    accounts.update({(FUNDS, row["tenant"]): row["id"] for row in funds})
    accounts.update(await _receivables(connection, plan))

    def account_id(name: str, tenant: str) -> int:
        return accounts[name, tenant if name in OF_A_TENANT else currencies[tenant]]

    rows = (
        (
            posting.n,
            posting.tenant,
            account_id(posting.debit, posting.tenant),
            account_id(posting.credit, posting.tenant),
            *posting[4:],
        )
        for posting in plan.postings
    )
    await connection.execute(SQL["insert_postings"], shard, epoch, *columns(rows))


async def _receivables(connection: Connection, plan: Plan) -> Accounts:
    tenants = [posting.tenant for posting in plan.postings if posting.debit == RECEIVABLE]
    if not tenants:
        return {}
    await connection.execute(SQL["insert_receivables"], tenants)
    rows = await connection.fetch(SQL["find_receivables"], tenants)
    return {(RECEIVABLE, row["tenant"]): row["id"] for row in rows}


async def _installation_accounts(connection: Connection, needed: set[tuple[str, str]]) -> Accounts:
    accounts = await _read_installation_accounts(connection)
    missing = needed - accounts.keys()
    if missing:
        await connection.execute(SQL["insert_installation_accounts"], *columns(missing))
        accounts = await _read_installation_accounts(connection)
    return accounts


async def _read_installation_accounts(connection: Connection) -> Accounts:
    rows = await connection.fetch(SQL["find_installation_accounts"])
    return {(row["name"], row["currency"]): row["id"] for row in rows}


def _call_row(call: SettledCall) -> tuple[Any, ...]:
    values = call._asdict()
    for name in ("usage", "cost", "spend_by_day"):
        values[name] = json.dumps(values[name])
    return tuple(values.values())


def _request_row(shard: int, epoch: int, debit: PostedDebit | ForcedReturn) -> tuple[Any, ...]:
    response = json.dumps({"debit": [shard, epoch, debit.n]})
    return (debit.tenant, debit.request_id, debit.digest, response)


def _aside_row(aside: Aside) -> tuple[Any, ...]:
    payload = json.dumps(aside.payload, default=_as_json).replace("\\u0000", "\\ufffd")
    texts = (text.replace("\0", "\ufffd") for text in (aside.tenant, aside.call_id, aside.why))
    return (aside.n, *texts, payload)


def _as_json(value: object) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)
