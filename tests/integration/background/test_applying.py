"""The applier: what Postgres decided reaches the live store, version by version."""

import asyncio

from ledger.tenant import TenantChanges
from quota.keys import key
from tests.integration.api.gateway import Gateway
from tests.integration.api.installation import Installation, fresh_id
from tollgate.v1 import call_authorization_pb2 as pb

ACCOUNTS = key(0, "accounts")


async def test_a_credit_that_was_committed_and_not_applied_is_caught_up(
    installation: Installation, gateway: Gateway
) -> None:
    await installation.parts.tenants.credit("crash", "acme", 500, "by hand")
    assert (await installation.balance()).balance_micros == 1_000_000
    assert await installation.parts.applier.catch_up() == 1
    assert (await installation.balance()).balance_micros == 1_000_500
    assert await installation.parts.applier.catch_up() == 0
    await installation.settled_down()


async def test_a_repeat_of_such_a_credit_applies_it_once(
    installation: Installation, gateway: Gateway
) -> None:
    await installation.parts.tenants.credit("crash", "acme", 500, "by hand")
    for _ in range(3):
        reply = await installation.adjust("acme", 500, "crash")
        assert reply.balance_micros == 1_000_500
    await installation.parts.applier.catch_up()
    assert (await installation.balance()).balance_micros == 1_000_500
    await installation.settled_down()


async def test_a_process_that_is_ahead_reads_the_missing_versions(
    installation: Installation, gateway: Gateway
) -> None:
    tenants = installation.parts.tenants
    await tenants.credit("crash-1", "acme", 500, "by hand")
    await tenants.update("crash-2", "acme", TenantChanges(suspended=True))
    reply = await installation.adjust("acme", 30)
    assert reply.balance_micros == 1_000_530
    assert (await gateway.refused()).reason == pb.REFUSAL_REASON_TENANT_SUSPENDED
    await installation.settled_down()


async def test_processes_that_apply_the_same_changes_apply_them_once(
    installation: Installation, gateway: Gateway
) -> None:
    tenants, applier = installation.parts.tenants, installation.parts.applier
    versions = [
        (await tenants.credit(f"crash-{number}", "acme", 100, "by hand")).version
        for number in range(20)
    ]
    await asyncio.gather(*(applier.apply("acme", version) for version in reversed(versions)))
    await applier.catch_up()
    assert (await installation.balance()).balance_micros == 1_002_000
    await installation.settled_down()


async def test_a_tenant_that_the_live_store_does_not_hold_is_loaded_with_its_changes(
    installation: Installation, gateway: Gateway
) -> None:
    await installation.parts.tenants.credit("crash", "acme", 500, "by hand")
    await installation.lose_everything()
    await installation.parts.applier.catch_up()
    assert (await installation.balance()).balance_micros == 1_000_500
    await installation.settled_down()


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
