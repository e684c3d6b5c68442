"""Refusals are counted per day and reason; the newest are kept in detail."""

from datetime import timedelta

import pytest

from ledger.pool import Pool
from ledger.refusals import Refusal, RefusalKey, Refusals
from ledger.tenants import Tenants
from tests.integration.ledger.samples import SETTLED_AT, count, new_tenant

pytestmark = pytest.mark.usefixtures("acme")


def refusal(number: int, tenant: str = "acme") -> Refusal:
    at = SETTLED_AT + timedelta(seconds=number)
    return Refusal(tenant, at, "INSUFFICIENT_BALANCE", f"call-{number}", "m", "+49", "+50", 2, "")


async def test_counts_add_up_per_day_and_reason(pool: Pool) -> None:
    refusals = Refusals(pool)
    monday = RefusalKey("acme", "20260302", "INSUFFICIENT_BALANCE")
    tuesday = RefusalKey("acme", "20260303", "DAILY_CAP_REACHED")
    nobody = RefusalKey("nobody", "20260303", "UNKNOWN_TENANT")
    await refusals.flush({monday: 2, tuesday: 1, nobody: 9}, [refusal(1, "nobody")])
    await refusals.flush({monday: 3}, [])
    await refusals.flush({}, [])
    assert await refusals.counts("acme", "20260301", "20260303") == {monday: 5, tuesday: 1}
    assert await refusals.counts("acme", "20260303", "20260303") == {tuesday: 1}
    assert await count(pool, "refusals") == 0


async def test_the_newest_thousand_of_a_tenant_are_kept(pool: Pool, tenants: Tenants) -> None:
    await tenants.create("create-other", new_tenant("other"))
    refusals = Refusals(pool)
    await refusals.flush({}, [refusal(0, "other")])
    await refusals.flush({}, [refusal(number) for number in range(700)])
    await refusals.flush({}, [refusal(number) for number in range(700, 1_300)])
    kept = await refusals.latest("acme", 2_000)
    assert len(kept) == 1_000
    assert kept[0] == refusal(1_299)
    assert kept[-1] == refusal(300)
    assert await refusals.latest("other", 5) == [refusal(0, "other")]
