"""Posts an example's past, with its dates, to a tenant that it creates in the same transaction.

No live store can hold a tenant before that commits, so none has to be told: the first look at
the tenant loads its balance with the version that the credits took. Charges stand in epoch 0 of
shard 0, before the first of any live store, so no outbox can give their numbers again.
"""

import secrets
from typing import Any, NamedTuple

from ledger.columns import columns
from ledger.entry import SettledCall
from ledger.group import Known, decide
from ledger.group_writing import write
from ledger.history.example import Example, TopUp, calls_of
from ledger.history.opening import Opening, open_row
from ledger.history.row import TOP_UP
from ledger.payments.facts import Facts
from ledger.payments.rate import ITSELF, pay_minor
from ledger.payments.top_up import top_up_request
from ledger.pool import Connection, Pool
from ledger.request import INSTALLATION, Request, content_digest, once
from ledger.sql import statements
from ledger.tenant import NewTenant
from ledger.tenants import SQL as TENANT_SQL
from ledger.tenants import insert_tenant
from ledger.transaction import transact

SQL = statements("example")

PAST_SHARD, PAST_EPOCH = 0, 0


class Seeded(NamedTuple):
    """What was made."""

    balance_micros: int
    calls: int


class Seeder:
    """Makes example tenants. Raises LedgerUnavailable."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def seed(self, request_id: str, tenant: str, example: Example) -> Seeded:
        """Creates the tenant with its past. Raises TenantExists, KeyReused, NotAllowed."""
        digest = content_digest("seed example", tenant, example.name)
        request = Request(INSTALLATION, request_id, digest)

        async def work(connection: Connection) -> Seeded:
            async def make() -> dict[str, Any]:
                return (await _make(connection, tenant, example))._asdict()

            response, _ = await once(connection, request, make)
            return Seeded(**response)

        return await transact(self._pool, work)


async def _make(connection: Connection, tenant: str, example: Example) -> Seeded:
    new = NewTenant(tenant, example.tenant_name, time_zone=example.time_zone)
    await insert_tenant(connection, new)
    await connection.execute(SQL["lock_past"])
    first_n = n = int(await connection.fetchval(SQL["last_n"])) + 1
    balance = 0
    for event in example.events:
        if isinstance(event, TopUp):
            await _credit(connection, new, event)
            balance += event.amount_micros
        else:
            await _charge(connection, new, calls_of(example, event, tenant, n))
            balance -= event.spent_micros
            n += event.calls
    return Seeded(balance, n - first_n)


async def _credit(connection: Connection, tenant: NewTenant, paid: TopUp) -> None:
    """A top-up that was paid as it was begun, in the tenant's own currency."""
    at, amount, provider = paid.at, paid.amount_micros, paid.provider
    top_up_id = f"tu_{secrets.token_hex(12)}"
    key = top_up_request(top_up_id)
    minor = pay_minor(amount, ITSELF, tenant.currency)
    told = Facts(paid=True).to_document()
    await connection.execute(
        SQL["insert_dated_top_up"],
        *(top_up_id, tenant.id, provider, tenant.currency, amount, minor, at, told),
    )
    await open_row(connection, tenant.id, Opening(key, TOP_UP, at, amount, provider))
    await connection.execute(SQL["insert_accounts"], [f"clearing.{provider}"], tenant.currency)
    version = await connection.fetchval(TENANT_SQL["raise_version"], tenant.id)
    await connection.execute(
        SQL["insert_dated_credit"], tenant.id, amount, key, "example", version, at, provider
    )
    await connection.execute(SQL["insert_applied_change"], tenant.id, version, amount)


async def _charge(connection: Connection, tenant: NewTenant, calls: list[SettledCall]) -> None:
    """Plans the calls as the journal does, and posts them on the days on which they ended."""
    known = Known(0, {}, {}, {tenant.id: tenant.currency})
    plan = decide(PAST_SHARD, PAST_EPOCH, calls, known)
    postings, plan.postings = plan.postings, []
    await write(connection, PAST_SHARD, PAST_EPOCH, plan, [])
    ended = {call.call_id: call.settled_at for call in calls}
    rows = [
        (each.n, each.kind, each.amount_micros, each.call_id, ended[each.call_id or ""])
        for each in postings
    ]
    kinds = sorted({each.kind for each in postings})
    await connection.execute(SQL["insert_accounts"], kinds, tenant.currency)
    await connection.execute(SQL["insert_dated_charges"], tenant.id, *columns(rows))
