"""What administrators do: tenants, adjustments, tariffs and keys, and the repeats of each."""

import asyncio
from typing import Any

import grpc
import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message import Message

from quota.outbox import OutboxEntry
from tests.integration.api.client import Told
from tests.integration.api.conftest import Install
from tests.integration.api.gateway import Gateway
from tests.integration.api.installation import Installation, clock_tariff
from tollgate.v1 import billing_pb2 as billing
from tollgate.v1 import common_pb2

KEY_REUSED = Told(grpc.StatusCode.ALREADY_EXISTS, "KEY_REUSED")
INSUFFICIENT = Told(grpc.StatusCode.FAILED_PRECONDITION, "INSUFFICIENT_FUNDS")


def create(**fields: Any) -> Message:
    """A CreateTenant."""
    tenant = billing.Tenant(**({"tenant_id": "globex", "name": "Globex"} | fields))
    return billing.CreateTenantRequest(request_id="r", tenant=tenant)


def update(suspended: bool = True) -> Message:
    """An UpdateTenant."""
    tenant = billing.Tenant(tenant_id="acme", suspended=suspended)
    mask = FieldMask(paths=["suspended"])
    return billing.UpdateTenantRequest(request_id="r", tenant=tenant, update_mask=mask)


def adjust(amount: int, reason: str = "by hand") -> Message:
    """An AdjustBalance."""
    return billing.AdjustBalanceRequest(
        request_id="r", tenant_id="acme", amount_micros=amount, reason=reason
    )


def put_tariff(rate: str = "0.12") -> Message:
    """A PutTariff."""
    return billing.PutTariffRequest(request_id="r", tariff=clock_tariff(rate=rate))


def create_key(name: str = "a gateway", scope: str = "gateway") -> Message:
    """A CreateApiKey."""
    return billing.CreateApiKeyRequest(request_id="r", name=name, scopes=[scope])


CONFLICTS: list[tuple[Message, Message]] = [
    (create(), create(name="Globex Inc")),
    (create(), create(time_zone="Europe/Moscow")),
    (create(), create(limits=billing.Limits(daily_cap_micros=1))),
    (update(), update(suspended=False)),
    (adjust(5), adjust(6)),
    (adjust(5), adjust(5, "another")),
    (adjust(-5), adjust(-6)),
    (adjust(-5), adjust(-5, "another")),
    (put_tariff(), put_tariff("0.13")),
    (create_key(), create_key("another")),
    (create_key(), create_key(scope="admin")),
]


async def state(installation: Installation) -> Any:
    """What mutations could have changed."""
    rows = [
        await installation.ledger(f"SELECT json_agg(t ORDER BY t::text) FROM {table} AS t")
        for table in ("tenants", "tenant_changes", "tariffs", "api_keys", "postings")
    ]
    return rows, await installation.balance()


MUTATIONS = [create(), update(), adjust(5), adjust(-5), put_tariff(), create_key()]


@pytest.mark.parametrize("request_", MUTATIONS, ids=lambda request: request.DESCRIPTOR.name)
async def test_an_exact_repeat_of_a_mutation_returns_the_first_result_and_changes_nothing(
    installation: Installation, gateway: Gateway, request_: Message
) -> None:
    first = await installation.admin(request_)
    await installation.settled_down()
    before = await state(installation)
    again = await installation.admin(request_)
    if isinstance(first, billing.CreateApiKeyResponse):
        first.api_key = ""  # the secret is shown once
    if isinstance(first, billing.AdjustBalanceResponse):
        first.settlement = common_pb2.SETTLEMENT_POSTED  # by now
    assert again == first
    assert await state(installation) == before


@pytest.mark.parametrize(("first", "other"), CONFLICTS, ids=lambda r: r.DESCRIPTOR.name)
async def test_other_content_under_the_same_request_id_is_key_reused(
    installation: Installation, gateway: Gateway, first: Message, other: Message
) -> None:
    await installation.admin(first)
    await installation.settled_down()
    before = await state(installation)
    assert await installation.admin.told(other) == KEY_REUSED
    assert await state(installation) == before


async def test_revoking_a_key_twice_changes_nothing(installation: Installation) -> None:
    key = (await installation.key("gateway")).key
    request = billing.RevokeApiKeyRequest(request_id="r", key_id=key.key_id)
    first = await installation.admin(request)
    assert first.key.HasField("revoked_at")
    assert await installation.admin(request) == first
    other = (await installation.key("gateway")).key
    conflict = billing.RevokeApiKeyRequest(request_id="r", key_id=other.key_id)
    assert await installation.admin.told(conflict) == KEY_REUSED


async def test_a_credit_and_a_debit_move_the_balance(
    installation: Installation, gateway: Gateway
) -> None:
    credited = await installation.adjust("acme", 500)
    assert (credited.settlement, credited.balance_micros) == (
        common_pb2.SETTLEMENT_POSTED,
        1_000_500,
    )
    assert (await installation.adjust("acme", -400)).balance_micros == 1_000_100
    await installation.settled_down()
    funds = "SELECT balance_micros FROM accounts WHERE tenant = 'acme' AND name = 'funds'"
    assert await installation.ledger(funds) == 1_000_100


async def test_a_debit_above_what_is_available_moves_nothing(
    installation: Installation, gateway: Gateway
) -> None:
    await gateway.accepted()
    before = await installation.balance()
    assert await installation.admin.told(adjust(-940_001)) == INSUFFICIENT
    assert await installation.balance() == before
    await installation.admin(adjust(-940_000))
    await installation.settled_down()


async def test_debits_at_the_same_time_never_take_more_than_there_is(
    installation: Installation,
) -> None:
    await installation.tenant(balance=1_000)

    async def took(number: int) -> bool:
        try:
            await installation.adjust("acme", -300)
        except grpc.aio.AioRpcError:
            return False
        return True

    assert sum(await asyncio.gather(*map(took, range(20)))) == 3
    assert (await installation.balance()).balance_micros == 100
    await installation.settled_down()


async def test_a_debits_request_id_after_a_credit_is_key_reused_and_moves_nothing(
    installation: Installation, gateway: Gateway
) -> None:
    await installation.admin(adjust(700))
    before = await installation.balance()
    assert await installation.admin.told(adjust(-700)) == KEY_REUSED
    assert await installation.balance() == before


async def test_a_credits_request_id_after_a_debit_is_key_reused_and_moves_nothing(
    installation: Installation, gateway: Gateway
) -> None:
    await installation.admin(adjust(-700))
    await installation.settled_down()
    before = await installation.balance()
    assert await installation.admin.told(adjust(700)) == KEY_REUSED
    assert await installation.balance() == before


async def test_the_same_holds_before_the_debit_is_posted(install: Install) -> None:
    async with install(posts=False) as installation:
        await installation.tenant(balance=1_000)
        accepted = await installation.admin(adjust(-700))
        assert accepted.settlement == common_pb2.SETTLEMENT_ACCEPTED
        before = await installation.balance()
        assert await installation.admin.told(adjust(700)) == KEY_REUSED
        assert await installation.balance() == before


async def test_a_change_does_not_take_the_request_id_of_a_debit_that_is_not_posted(
    install: Install,
) -> None:
    """Or else the ledger would return the debit after it was acknowledged."""
    async with install(posts=False) as installation:
        await installation.tenant(balance=1_000)
        await installation.admin(adjust(-700))
        assert await installation.admin.told(update()) == KEY_REUSED
        installation.beside(installation.parts.posters[0].run)
        await installation.settled_down()
        assert (await installation.balance()).balance_micros == 300


async def test_a_debit_and_a_call_of_the_same_name_are_two_things(
    installation: Installation, gateway: Gateway
) -> None:
    await installation.adjust("acme", -700, "c1")
    await gateway.accepted("c1")
    assert (await gateway.posted("c1", 10)).charged_micros == 10_000
    await installation.settled_down()


async def test_other_tenants_use_the_same_request_ids(
    installation: Installation, gateway: Gateway
) -> None:
    await installation.tenant("globex")
    for tenant_id in ("acme", "globex"):
        await installation.adjust(tenant_id, 500, "r")
        await installation.adjust(tenant_id, -200, "d")
    assert (await installation.balance("globex")).balance_micros == 300


async def test_concurrent_credits_each_take_a_version(
    installation: Installation, gateway: Gateway
) -> None:
    await asyncio.gather(*(installation.adjust("acme", 100 + number) for number in range(40)))
    total = 1_000_000 + sum(range(100, 140))
    assert (await installation.balance()).balance_micros == total
    get = billing.GetTenantRequest(tenant_id="acme")
    assert (await installation.admin(get)).tenant.version == 42
    await installation.settled_down()


async def test_a_second_tenant_of_an_id_already_exists(
    installation: Installation, gateway: Gateway
) -> None:
    request = billing.CreateTenantRequest(
        request_id="other", tenant=billing.Tenant(tenant_id="acme", name="Another")
    )
    assert await installation.admin.told(request) == Told(
        grpc.StatusCode.ALREADY_EXISTS, "TENANT_EXISTS"
    )


async def test_a_tenants_defaults_are_utc_usd_and_the_built_in_prices(
    installation: Installation,
) -> None:
    tenant = (await installation.admin(create())).tenant
    assert (tenant.time_zone, tenant.currency, tenant.tariff) == ("UTC", "USD", "standard")
    assert (tenant.version, tenant.suspended) == (1, False)


async def test_a_tariff_of_another_currency_than_the_tenants_is_refused(
    installation: Installation, gateway: Gateway
) -> None:
    roubles = clock_tariff("roubles", currency="RUB")
    await installation.admin(billing.PutTariffRequest(request_id="roubles", tariff=roubles))
    mismatch = Told(grpc.StatusCode.FAILED_PRECONDITION, "CURRENCY_MISMATCH")
    assert await installation.admin.told(create(tariff="roubles")) == mismatch
    request = billing.UpdateTenantRequest(
        request_id="u",
        tenant=billing.Tenant(tenant_id="acme", tariff="roubles"),
        update_mask=FieldMask(paths=["tariff"]),
    )
    assert await installation.admin.told(request) == mismatch


async def test_an_absent_limit_that_is_named_is_removed(installation: Installation) -> None:
    await installation.tenant(daily_cap_micros=5, concurrent_calls=3)
    tenant = await installation.update("acme", "limits.daily_cap_micros")
    assert not tenant.limits.HasField("daily_cap_micros")
    assert tenant.limits.concurrent_calls == 3


async def test_the_versions_of_a_tariff_are_listed(installation: Installation) -> None:
    await installation.admin(put_tariff())
    reply = await installation.admin(billing.ListTariffsRequest(name="clock"))
    assert [(tariff.name, tariff.version) for tariff in reply.tariffs] == [
        ("clock", 1),
        ("clock", 2),
    ]


async def test_keys_are_listed_without_their_secrets(installation: Installation) -> None:
    made = await installation.key("gateway")
    listed = (await installation.admin(billing.ListApiKeysRequest())).keys
    assert made.key in listed
    assert made.api_key.rpartition("_")[2] not in str(listed)


async def test_crossings_are_recorded_once(installation: Installation) -> None:
    await installation.tenant(
        balance=100_000, daily_cap_micros=99_000, low_balance_threshold_micros=50_000
    )
    gateway = Gateway(installation.admin)
    await gateway.accepted()
    for seconds in (40, 51, 60, 95, 98):
        await gateway.charge("c1", seconds)
    await gateway.posted("c1", 99)
    kinds = "SELECT array_agg(kind ORDER BY n) FROM events WHERE tenant = 'acme'"
    await installation.settled_down()
    found = await installation.ledger(kinds)
    assert sorted(found) == ["balance_exhausted", "daily_cap_reached", "low_balance"]
    assert found[0] == "low_balance"


async def test_a_lifted_cap_is_recorded(installation: Installation) -> None:
    await installation.tenant(balance=200_000, daily_cap_micros=99_000)
    gateway = Gateway(installation.admin)
    await gateway.accepted()
    await gateway.charge("c1", 99)
    await installation.update("acme", daily_cap_micros=150_000)
    await installation.settled_down()
    kinds = "SELECT array_agg(kind ORDER BY n) FROM events WHERE tenant = 'acme'"
    assert await installation.ledger(kinds) == ["daily_cap_reached", "daily_cap_lifted"]


def entries(installation: Installation) -> Any:
    """What lies in the outbox."""
    found: Any = installation.parts.readers[0].outbox_after(0, 100, None)
    return found


async def test_authorize_charge_and_refusals_write_no_outbox_entry(install: Install) -> None:
    async with install(posts=False) as installation:
        await installation.tenant(balance=100_000)
        gateway = Gateway(installation.admin)
        await gateway.accepted()
        await gateway.charge("c1", 20)
        await gateway.refused("c2", model="gpt-9")
        found: list[OutboxEntry] = await entries(installation)
        assert found == []
        await gateway.settle("c1", 30)
        await installation.adjust("acme", -10)
        assert [type(entry).__name__ for entry in await entries(installation)] == [
            "SettledEntry",
            "DebitedEntry",
        ]
