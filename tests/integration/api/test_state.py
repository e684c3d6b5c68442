"""How the installation is doing, as it is told to its operators."""

from tests.integration.api.conftest import Install
from tests.integration.api.gateway import Gateway
from tests.integration.api.installation import Installation, fresh_id
from tollgate.v1 import billing_pb2 as billing
from tollgate.v1 import notifications_pb2 as notifications
from tollgate.v1 import state_pb2 as pb


async def state(installation: Installation) -> pb.GetServiceStateResponse:
    found: pb.GetServiceStateResponse = await installation.admin(pb.GetServiceStateRequest())
    return found


async def test_stores_shards_and_the_build_are_told(install: Install) -> None:
    async with install(commit="4e7b4c5f", workers=3) as installation:
        await installation.tenant("acme", balance=1_000)
        found = await state(installation)
        assert {each.store: each.answers for each in found.stores} == {
            "redis": True,
            "postgres": True,
        }
        assert [each.shard for each in found.shards] == [0]
        assert found.shards[0].epoch >= 1
        assert (found.commit, found.workers) == ("4e7b4c5f", 3)
        assert found.version


async def test_decisions_are_counted(installation: Installation) -> None:
    await installation.tenant("acme", balance=1_000_000)
    before = (await state(installation)).decisions
    gateway = Gateway(installation.admin)
    await gateway.accepted("c1")
    await gateway.accepted("c2")
    await gateway.refused("c3", model="gpt-9")
    after = (await state(installation)).decisions
    assert after.accepted - before.accepted == 2
    assert after.refused - before.refused == 1
    assert after.counted_at.ToNanoseconds() > before.counted_at.ToNanoseconds()


async def test_what_waits_to_be_posted_is_told_by_shard(installation: Installation) -> None:
    await installation.tenant("acme", balance=1_000_000)
    await Gateway(installation.admin).accepted()
    await Gateway(installation.admin).posted("c1", 10)
    await installation.settled_down()
    (shard,) = (await state(installation)).shards
    assert (shard.outbox_depth, shard.last_n) == (0, 1)


async def test_notifications_that_wait_and_that_were_given_up_are_told(
    installation: Installation,
) -> None:
    await installation.tenant("acme")
    settings = notifications.NotificationSettings(emails=["ours@example.com"])
    update = notifications.UpdateNotificationSettingsRequest(
        request_id=fresh_id(), tenant_id="acme", settings=settings
    )
    update.update_mask.paths.append("emails")
    await installation.admin(update)
    await installation.admin(
        notifications.SendTestNotificationRequest(request_id=fresh_id(), tenant_id="acme")
    )
    for wanted, waiting, dead in (("retrying", 1, 0), ("dead", 0, 1)):
        await installation.ledger(f"UPDATE notifications SET state = '{wanted}', sent_at = NULL")
        found = {each.channel: each for each in (await state(installation)).channels}
        assert (found["email"].waiting, found["email"].dead) == (waiting, dead)
        assert (found["webhook"].waiting, found["webhook"].dead) == (0, 0)


async def test_tenants_are_searched_by_id_and_by_name(installation: Installation) -> None:
    for tenant_id, name in (("acme", "Акме Логистика"), ("globex", "Globex_50%"), ("x-1", "Acme")):
        tenant = billing.Tenant(tenant_id=tenant_id, name=name)
        request = billing.CreateTenantRequest(request_id=fresh_id(), tenant=tenant)
        await installation.admin(request)

    async def found(search: str, page_size: int = 0) -> list[str]:
        asked = billing.ListTenantsRequest(search=search, page_size=page_size)
        return [each.tenant_id for each in (await installation.admin(asked)).tenants]

    assert await found("ACME") == ["acme", "x-1"]
    assert await found("логист") == ["acme"]
    assert await found("_50%") == ["globex"]
    assert await found("50_") == []
    assert await found("") == ["acme", "globex", "x-1"]
    assert await found("acme", page_size=1) == ["acme"]
