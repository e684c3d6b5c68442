"""The database itself keeps the ledger balanced and append-only, against any statement."""

import asyncpg
import pytest

from ledger.audit import AuditReader
from ledger.journal import Journal
from ledger.pool import Pool
from ledger.shards import Shards
from ledger.tenants import Tenants
from tests.integration.ledger.samples import balance, new_tenant, settled_call

INSERT_POSTING = """
INSERT INTO postings (debit_account, credit_account, amount_micros, kind, tenant, request_id,
                      version)
VALUES ($1, $2, $3, 'credit', $4, 'by-hand', 99)
"""


@pytest.fixture(autouse=True)
async def _posted(pool: Pool, tenants: Tenants, shards: Shards) -> None:
    await tenants.create("create-acme", new_tenant("acme"))
    await tenants.credit("top-up", "acme", 1_000_000, "cash")
    await Journal(pool).post(0, 1, [settled_call(1)])


async def account(pool: Pool, name: str, tenant: str | None = None) -> int:
    return int(
        await pool.fetchval(
            "SELECT id FROM accounts WHERE name = $1 AND tenant IS NOT DISTINCT FROM $2",
            name,
            tenant,
        )
    )


@pytest.mark.parametrize(
    ("statement", "rule"),
    [
        ("UPDATE postings SET amount_micros = 1", "rows of postings are only ever added"),
        ("DELETE FROM postings", "rows of postings are only ever added"),
        ("TRUNCATE postings", "rows of postings are only ever added"),
        ("UPDATE calls SET rated_micros = 1", "rows of calls are only ever added"),
        ("DELETE FROM calls", "rows of calls are only ever added"),
        ("DELETE FROM accounts", "rows of accounts are only ever added"),
        ("TRUNCATE accounts CASCADE", "only ever added"),
        ("UPDATE accounts SET balance_micros = 5", "a balance is moved by postings alone"),
        ("UPDATE accounts SET currency = 'EUR'", "a balance is moved by postings alone"),
        (
            "INSERT INTO accounts (name, tenant, currency, balance_micros)"
            " VALUES ('funds', 'other', 'USD', 5)",
            "a balance is moved by postings alone",
        ),
    ],
)
async def test_what_is_posted_never_changes(pool: Pool, statement: str, rule: str) -> None:
    with pytest.raises(asyncpg.IntegrityConstraintViolationError, match=rule):
        await pool.execute(statement)
    assert await balance(pool) == 954_000


@pytest.mark.parametrize("amount_micros", [0, -1, 10**12 + 1])
async def test_an_amount_is_positive_and_bounded(pool: Pool, amount_micros: int) -> None:
    funds, adjustments = await account(pool, "funds", "acme"), await account(pool, "adjustments")
    with pytest.raises(asyncpg.CheckViolationError, match="postings_amount_positive"):
        await pool.execute(INSERT_POSTING, adjustments, funds, amount_micros, "acme")


async def test_a_posting_needs_two_accounts(pool: Pool) -> None:
    funds = await account(pool, "funds", "acme")
    with pytest.raises(asyncpg.CheckViolationError, match="postings_two_accounts"):
        await pool.execute(INSERT_POSTING, funds, funds, 5, "acme")


async def test_a_posting_needs_accounts_that_exist(pool: Pool) -> None:
    funds = await account(pool, "funds", "acme")
    with pytest.raises(asyncpg.IntegrityConstraintViolationError, match="belong together"):
        await pool.execute(INSERT_POSTING, 10_000, funds, 5, "acme")


async def test_a_posting_stays_in_one_currency(pool: Pool) -> None:
    await pool.execute("INSERT INTO accounts (name, currency) VALUES ('adjustments', 'EUR')")
    euros = await pool.fetchval("SELECT id FROM accounts WHERE currency = 'EUR'")
    with pytest.raises(asyncpg.IntegrityConstraintViolationError, match="belong together"):
        await pool.execute(INSERT_POSTING, euros, await account(pool, "funds", "acme"), 5, "acme")


async def test_a_posting_never_touches_another_tenants_funds(pool: Pool, tenants: Tenants) -> None:
    await tenants.create("create-other", new_tenant("other"))
    others, adjustments = await account(pool, "funds", "other"), await account(pool, "adjustments")
    with pytest.raises(asyncpg.IntegrityConstraintViolationError, match="belong together"):
        await pool.execute(INSERT_POSTING, adjustments, others, 5, "acme")
    assert await balance(pool, "other") == 0


async def test_a_balance_follows_every_posting_of_a_statement(pool: Pool) -> None:
    funds, adjustments = await account(pool, "funds", "acme"), await account(pool, "adjustments")
    await pool.execute(
        """
        INSERT INTO postings (debit_account, credit_account, amount_micros, kind, tenant,
                              request_id, version)
        VALUES ($1, $2, 100, 'credit', 'acme', 'a', 97), ($1, $2, 10, 'credit', 'acme', 'b', 98),
               ($2, $1, 1, 'debit', 'acme', 'c', 99)
        """,
        adjustments,
        funds,
    )
    assert await balance(pool) == 954_000 + 109
    assert await AuditReader(pool).unbalanced() == {"USD": 0}


async def test_a_balance_stays_within_its_bounds(pool: Pool) -> None:
    funds, adjustments = await account(pool, "funds", "acme"), await account(pool, "adjustments")
    with pytest.raises(asyncpg.CheckViolationError, match="accounts_balance_range"):
        await pool.execute(
            """
            INSERT INTO postings (debit_account, credit_account, amount_micros, kind, tenant,
                                  request_id, version)
            SELECT $1, $2, 1000000000000, 'credit', 'acme', 'r' || at, 100 + at
            FROM generate_series(1, 1001) AS at
            """,
            adjustments,
            funds,
        )


async def test_a_call_whose_charge_does_not_add_up_is_refused(pool: Pool) -> None:
    with pytest.raises(asyncpg.CheckViolationError, match="calls_charged_is_rated_minus_overrun"):
        await pool.execute(
            """
            INSERT INTO calls (tenant, call_id, model, tariff, tariff_version, analytics, caller,
                               callee, direction, assistant_id, settled_at, outcome, usage, cost,
                               rated_micros, charged_micros, overrun_micros, spend_by_day,
                               settle_digest, shard, epoch, n, day)
            VALUES ('acme', 'x', 'm', 't', 1, false, '', '', 0, '', now(), 1, '{}', '[]', 5, 4, 0,
                    '[]', '', 0, 1, 2, '2026-03-02')
            """
        )


async def test_an_outbox_entry_and_a_version_move_money_once(pool: Pool) -> None:
    columns = "debit_account, credit_account, amount_micros, kind, tenant"
    for posted, rule in (
        ("'again', NULL, shard, epoch, n, NULL FROM postings WHERE n = 1", "once_per_entry"),
        ("NULL, 'again', NULL, NULL, NULL, version FROM postings WHERE version = 2",
         "once_per_version"),
    ):  # fmt: skip
        with pytest.raises(asyncpg.UniqueViolationError, match=rule):
            await pool.execute(
                f"INSERT INTO postings ({columns}, call_id, request_id, shard, epoch, n, version)"
                f" SELECT {columns}, {posted} LIMIT 1"
            )
