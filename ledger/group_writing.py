"""Writes a decided group: every table once, what there is much of by COPY."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from ledger.columns import columns
from ledger.entry import Aside, ForcedReturn, PostedDebit, SettledCall
from ledger.group import FUNDS, RECEIVABLE, Plan, Posting
from ledger.json_text import json_object, json_pairs
from ledger.pool import Connection, Row
from ledger.sql import statements
from ledger.turns import in_turns

SQL = statements("journal")

Accounts = dict[tuple[str, str], int]  # ids by (name, currency)
AccountIds = dict[str, int]  # by name, of one tenant or currency
Days = dict[tuple[str, datetime], date]  # by tenant and moment

OF_A_TENANT = (FUNDS, RECEIVABLE)
# In no zone does a day begin at another moment, and no change of a zone takes effect at one.
DAYS_BEGIN_EVERY = timedelta(minutes=15)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
CALL_COLUMNS = ("shard", "epoch", *SettledCall._fields, "day")
POSTING_COLUMNS = (
    "shard", "epoch", "n", "tenant", "debit_account", "credit_account", "amount_micros", "kind",
    "call_id", "request_id", "reason",
)  # fmt: skip


async def write(
    connection: Connection, shard: int, epoch: int, plan: Plan, funds: Sequence[Row]
) -> None:
    """Writes what a plan holds; `funds` are the accounts of the plan's tenants."""
    if plan.debits:
        rows: Iterable[Sequence[Any]] = (_request_row(shard, epoch, each) for each in plan.debits)
        await connection.execute(SQL["insert_requests"], *columns(rows))
    if plan.returned:
        await connection.execute(SQL["complete_returns"], *columns(plan.returned))
    if plan.postings:
        ids = await _account_ids(connection, plan, funds)
        posting_rows = (_posting_row(shard, epoch, each, ids) for each in plan.postings)
        await _copy(connection, "postings", POSTING_COLUMNS, posting_rows)
    if plan.calls:  # behind the postings, whose trigger has locked the funds
        days = await _days(connection, plan.calls)
        call_rows = (_call_row(shard, epoch, call, days) for call in plan.calls)
        await _copy(connection, "calls", CALL_COLUMNS, call_rows)
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
    """Adds rows by COPY: for arrays the driver would look at every element twice."""
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
        if account not in OF_A_TENANT
    }
    of_currency: dict[str, AccountIds] = defaultdict(dict)
    for (account, currency), account_id in (
        await _installation_accounts(connection, needed)
    ).items():
        of_currency[currency][account] = account_id
    ids = {row["tenant"]: {**of_currency[row["currency"]], FUNDS: row["id"]} for row in funds}
    for tenant, account_id in await _receivables(connection, plan):
        ids[tenant][RECEIVABLE] = account_id
    return ids


async def _receivables(connection: Connection, plan: Plan) -> list[tuple[str, int]]:
    tenants = [posting.tenant for posting in plan.postings if posting.debit == RECEIVABLE]
    if not tenants:
        return []
    await connection.execute(SQL["insert_receivables"], tenants)
    rows = await connection.fetch(SQL["find_receivables"], tenants)
    return [(row["tenant"], row["id"]) for row in rows]


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


def _call_row(shard: int, epoch: int, call: SettledCall, days: Days) -> tuple[Any, ...]:
    *plain, usage, cost, rated, charged, overrun, spend_by_day, digest = call
    packed = (json_object(usage), json_pairs(cost), rated, charged, overrun)
    day = days[call.tenant, _days_begin(call.settled_at)]
    return (shard, epoch, *plain, *packed, json_pairs(spend_by_day), digest, day)


async def _days(connection: Connection, calls: Sequence[SettledCall]) -> Days:
    """The days of settlement, asked for once for all calls between whose times no day begins."""
    asked = {(call.tenant, _days_begin(call.settled_at)) for call in calls}
    rows = await connection.fetch(SQL["find_days"], *columns(asked))
    return {(row["tenant"], row["moment"]): row["day"] for row in rows}


def _days_begin(moment: datetime) -> datetime:
    """The last moment until then at which a day may begin somewhere."""
    return moment - (moment - _EPOCH) % DAYS_BEGIN_EVERY


def _posting_row(
    shard: int, epoch: int, posting: Posting, ids: Mapping[str, AccountIds]
) -> tuple[Any, ...]:
    n, tenant, debit, credit, *rest = posting
    own = ids[tenant]
    place = (None, None, None) if n is None else (shard, epoch, n)
    return (*place, tenant, own[debit], own[credit], *rest)


def _request_row(shard: int, epoch: int, debit: PostedDebit | ForcedReturn) -> tuple[Any, ...]:
    response = json.dumps({"debit": [shard, epoch, debit.n]})
    return (debit.tenant, debit.request_id, debit.digest, response)


def _aside_row(aside: Aside) -> tuple[Any, ...]:
    payload = json.dumps(aside.payload, default=_as_json).replace("\\u0000", "\\ufffd")
    texts = (text.replace("\0", "\ufffd") for text in (aside.tenant, aside.call_id, aside.why))
    return (aside.n, *texts, payload)


def _as_json(value: object) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)
