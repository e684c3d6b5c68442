"""Changes that the live store missed: brought to it later, each tenant's for itself."""

from quota.keys import key
from tests.integration.api.installation import Installation, fresh_id

ACCOUNTS = key(0, "accounts")


async def test_a_corrupt_account_keeps_no_other_change_waiting(installation: Installation) -> None:
    for tenant_id in ("broken", "other"):
        await installation.tenant(tenant_id, balance=1)
        await installation.parts.tenants.credit(fresh_id(), tenant_id, 10, "not applied yet")
    async with installation.redis() as redis:
        await redis.hset(ACCOUNTS, "broken", b"no account")
    await installation.parts.applier.catch_up()
    assert (await installation.balance("other")).balance_micros == 11


async def test_a_store_that_went_back_gets_the_changes_it_forgot(
    installation: Installation,
) -> None:
    for tenant_id in ("acme", "other"):
        await installation.tenant(tenant_id, balance=1)
    async with installation.redis() as redis:
        early = await redis.hget(ACCOUNTS, "acme")
        await installation.adjust("acme", 10)
        await installation.adjust("acme", 100)
        await redis.hset(ACCOUNTS, "acme", early)
    await installation.parts.applier.catch_up_shard(installation.parts.readers[0])
    assert (await installation.balance("acme")).balance_micros == 111
    assert (await installation.balance("other")).balance_micros == 1
