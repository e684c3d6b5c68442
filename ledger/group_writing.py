"""Writes a decided group: every table once, what there is much of by COPY."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ledger.columns import columns
from ledger.entry import Aside, PostedDebit, SettledCall
from ledger.group import FUNDS, Plan, Posting
from ledger.json_text import json_object, json_pairs
from ledger.pool import Connection, Row
from ledger.sql import statements
from ledger.turns import in_turns

SQL = statements("journal")

Accounts = dict[tuple[str, str], int]  # ids by (name, currency)
AccountIds = dict[str, int]  # by name, of one tenant or currency

CALL_COLUMNS = ("shard", "epoch", *SettledCall._fields)
POSTING_COLUMNS = (
    "shard", "epoch", "n", "tenant", "debit_account", "credit_account", "amount_micros", "kind",
    "call_id", "request_id", "reason",
)  # fmt: skip


async def write(
    connection: Connection, shard: int, epoch: int, plan: Plan, funds: Sequence[Row]
) -> None:
    """Writes what a plan holds; `funds` are the accounts of the plan's tenants."""
    if plan.calls:
        call_rows = (_call_row(shard, epoch, call) for call in plan.calls)
        await _copy(connection, "calls", CALL_COLUMNS, call_rows)
    if plan.debits:
        rows: Iterable[Sequence[Any]] = (_request_row(shard, epoch, each) for each in plan.debits)
        await connection.execute(SQL["insert_requests"], *columns(rows))
    if plan.postings:
        ids = await _account_ids(connection, plan, funds)
        posting_rows = (_posting_row(shard, epoch, each, ids) for each in plan.postings)
        await _copy(connection, "postings", POSTING_COLUMNS, posting_rows)
    if plan.spend:
        rows = ((*key, amount) for key, amount in sorted(plan.spend.items()))
        await connection.execute(SQL["add_spend"], *columns(rows))
    if plan.crossings:
        await connection.execute(SQL["insert_events"], shard, epoch, *columns(plan.crossings))
    if plan.asides:
        rows = map(_aside_row, plan.asides)
        await connection.execute(SQL["insert_set_aside"], shard, epoch, *columns(rows))


async def _copy(
    connection: Connection, table: str, names: Sequence[str], rows: Iterable[Sequence[Any]]
) -> None:
    """Adds rows to a table. COPY costs both sides about half of what arrays to unnest do."""
    await connection.copy_records_to_table(table, columns=names, records=in_turns(rows))


async def _account_ids(
    connection: Connection, plan: Plan, funds: Sequence[Row]
) -> Mapping[str, AccountIds]:
    """The accounts that the postings of each tenant may name."""
    currencies = {row["tenant"]: row["currency"] for row in funds}
    needed = {
        (account, currency)
        for debit, credit, currency in {
            (posting.debit, posting.credit, currencies[posting.tenant]) for posting in plan.postings
        }
        for account in (debit, credit)
        if account != FUNDS
    }
    of_currency: dict[str, AccountIds] = defaultdict(dict)
    for (account, currency), account_id in (
        await _installation_accounts(connection, needed)
    ).items():
        of_currency[currency][account] = account_id
    return {row["tenant"]: {**of_currency[row["currency"]], FUNDS: row["id"]} for row in funds}


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


def _call_row(shard: int, epoch: int, call: SettledCall) -> tuple[Any, ...]:
    *plain, usage, cost, rated, charged, overrun, spend_by_day, digest = call
    amounts = (rated, charged, overrun)
    days = json_pairs(spend_by_day)
    return (shard, epoch, *plain, json_object(usage), json_pairs(cost), *amounts, days, digest)


def _posting_row(
    shard: int, epoch: int, posting: Posting, ids: Mapping[str, AccountIds]
) -> tuple[Any, ...]:
    n, tenant, debit, credit, *rest = posting
    own = ids[tenant]
    return (shard, epoch, n, tenant, own[debit], own[credit], *rest)


def _request_row(shard: int, epoch: int, debit: PostedDebit) -> tuple[Any, ...]:
    response = json.dumps({"debit": [shard, epoch, debit.n]})
    return (debit.tenant, debit.request_id, debit.digest, response)


def _aside_row(aside: Aside) -> tuple[Any, ...]:
    payload = json.dumps(aside.payload, default=_as_json).replace("\\u0000", "\\ufffd")
    texts = (text.replace("\0", "\ufffd") for text in (aside.tenant, aside.call_id, aside.why))
    return (aside.n, *texts, payload)


def _as_json(value: object) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)
