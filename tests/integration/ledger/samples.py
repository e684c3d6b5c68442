"""Values that the ledger's tests post and compare."""

from datetime import UTC, datetime
from typing import Any

from ledger.entry import PostedDebit, SettledCall
from ledger.pool import Pool
from ledger.tenant import Limits, NewTenant

SETTLED_AT = datetime(2026, 3, 2, 10, 0, 5, tzinfo=UTC)


def new_tenant(tenant: str, **fields: Any) -> NewTenant:
    values: dict[str, Any] = {"name": f"Tenant {tenant}", "limits": Limits(daily_cap_micros=10**9)}
    return NewTenant(id=tenant, **(values | fields))


def settled_call(n: int, tenant: str = "acme", call_id: str = "", **fields: Any) -> SettledCall:
    """The worked example, charged in full."""
    call = SettledCall(
        n=n,
        tenant=tenant,
        call_id=call_id or f"call-{n}",
        model="generic-assistant",
        tariff="standard",
        tariff_version=1,
        analytics=True,
        caller="+4930123456",
        callee="+4930654321",
        direction=1,
        assistant_id="reception",
        authorized_at=datetime(2026, 3, 2, 9, 57, tzinfo=UTC),
        started_at=datetime(2026, 3, 2, 9, 57, tzinfo=UTC),
        answered_at=datetime(2026, 3, 2, 9, 57, 5, tzinfo=UTC),
        ended_at=datetime(2026, 3, 2, 10, 0, 5, tzinfo=UTC),
        settled_at=SETTLED_AT,
        outcome=1,
        elapsed_ms=180_000,
        usage={"llm_input_tokens": 2_340, "stt_ms": 90_000, "tts_ms": 90_000},
        cost=(("llm", 12_000), ("stt", 9_000), ("tts", 23_000), ("analytics", 2_000)),
        rated_micros=46_000,
        charged_micros=46_000,
        overrun_micros=0,
        spend_by_day=(("20260302", 46_000),),
        settle_digest=b"digest of the settle",
    )
    return call._replace(**fields)


def overrun_call(n: int, charged_micros: int, **fields: Any) -> SettledCall:
    """The worked example, of which only a part could be charged."""
    return settled_call(n, **fields)._replace(
        charged_micros=charged_micros,
        overrun_micros=46_000 - charged_micros,
        spend_by_day=(("20260302", charged_micros),),
    )


def posted_debit(n: int, request_id: str = "debit-1", **fields: Any) -> PostedDebit:
    debit = PostedDebit(n, "acme", request_id, b"digest of the debit", 1_500, "returned")
    return debit._replace(**fields)


async def count(pool: Pool, table: str) -> int:
    return int(await pool.fetchval(f"SELECT count(*) FROM {table}"))


async def balance(pool: Pool, tenant: str = "acme") -> int:
    return await _balance(pool, tenant, "funds") or 0


async def receivable(pool: Pool, tenant: str = "acme") -> int:
    """0, or below when the tenant owes."""
    return await _balance(pool, tenant, "receivable") or 0


async def _balance(pool: Pool, tenant: str, name: str) -> int | None:
    found: int | None = await pool.fetchval(
        "SELECT balance_micros FROM accounts WHERE tenant = $1 AND name = $2", tenant, name
    )
    return found
