"""Organisations in the ledger: checked as a whole, kept apart by tenant, one payer."""

import asyncio
from dataclasses import replace

import pytest

from ledger.driver_errors import driver_errors
from ledger.errors import (
    InvariantBroken,
    KeyReused,
    OrganisationArchived,
    OrganisationIsDraft,
    OrganisationUnknown,
    RequisitesRejected,
    UnknownTenant,
)
from ledger.organisations.organisation import Organisation
from ledger.organisations.register import Organisations
from ledger.organisations.requisites import Requisites
from ledger.pool import Pool
from ledger.tenant import Tenant
from ledger.tenants import Tenants
from tests.integration.ledger.samples import count, new_tenant
from tests.unit.documents.samples import COMPANY, ENTREPRENEUR, SAMPLE


@pytest.fixture
def organisations(pool: Pool, acme: Tenant) -> Organisations:
    return Organisations(pool)


@pytest.fixture
async def company(organisations: Organisations) -> Organisation:
    return await organisations.create("company", "acme", COMPANY)


async def test_what_is_created_is_read_and_listed(
    organisations: Organisations, company: Organisation
) -> None:
    assert (company.requisites, company.draft, company.payer) == (COMPANY, False, False)
    assert await organisations.get("acme", company.id) == company
    second = await organisations.create("second", "acme", ENTREPRENEUR)
    assert await organisations.list("acme", 10) == [company, second]
    assert await organisations.list("acme", 1) == [company]
    assert await organisations.list("acme", 1, company.n) == [second]


async def test_a_repeat_returns_the_first_result_and_other_content_is_refused(
    organisations: Organisations, company: Organisation, pool: Pool
) -> None:
    changed = await organisations.update("u", "acme", company.id, {"name": "ООО «Молот»"})
    assert await organisations.create("company", "acme", COMPANY) == company
    assert await organisations.update("u", "acme", company.id, {"name": "ООО «Молот»"}) == changed
    for request_id in ("company", "u"):
        with pytest.raises(KeyReused):
            await organisations.create(request_id, "acme", ENTREPRENEUR)
    with pytest.raises(KeyReused):
        await organisations.update("u", "acme", company.id, {"name": "ООО «Клещи»"})
    assert await count(pool, "organisations") == 1


async def test_the_same_request_many_times_at_once_creates_one(
    organisations: Organisations, pool: Pool
) -> None:
    made = await asyncio.gather(*(organisations.create("same", "acme", COMPANY) for _ in range(10)))
    assert len({each.id for each in made}) == 1
    assert await count(pool, "organisations") == 1


async def test_requisites_that_cannot_be_are_refused_with_every_field(
    organisations: Organisations, company: Organisation, pool: Pool
) -> None:
    with pytest.raises(RequisitesRejected) as caught:
        await organisations.create("sample", "acme", SAMPLE)
    assert [fault.field for fault in caught.value.faults] == ["inn", "settlement_account"]
    with pytest.raises(RequisitesRejected):
        await organisations.create("draft", "acme", Requisites(), draft=True)
    with pytest.raises(RequisitesRejected):
        # Each is fine alone; together an entrepreneur would have a KPP.
        await organisations.update("u", "acme", company.id, {"inn": ENTREPRENEUR.inn})
    assert await organisations.list("acme", 10) == [company]


async def test_a_draft_is_completed_by_an_update(organisations: Organisations) -> None:
    draft = await organisations.create("sample", "acme", SAMPLE, draft=True)
    assert [fault.field for fault in draft.faults()] == ["inn", "settlement_account"]
    with pytest.raises(RequisitesRejected):
        await organisations.update("u1", "acme", draft.id, {"inn": COMPANY.inn}, draft=False)
    better = await organisations.update("u2", "acme", draft.id, {"inn": COMPANY.inn})
    assert (better.draft, len(better.faults())) == (True, 1)
    account = {"settlement_account": COMPANY.settlement_account}
    done = await organisations.update("u3", "acme", draft.id, account, draft=False)
    assert (done.draft, done.faults()) == (False, ())
    assert done.requisites == replace(COMPANY, name=SAMPLE.name)
    assert await organisations.get("acme", draft.id) == done


async def test_an_archived_organisation_stays_as_it_is(
    organisations: Organisations, company: Organisation
) -> None:
    archived = await organisations.archive("a", "acme", company.id)
    assert archived.archived_at is not None
    assert await organisations.archive("again", "acme", company.id) == archived
    with pytest.raises(OrganisationArchived):
        await organisations.update("u", "acme", company.id, {"name": "other"})
    with pytest.raises(OrganisationArchived):
        await organisations.set_payer("p", "acme", company.id)
    assert await organisations.list("acme", 10) == []
    assert await organisations.list("acme", 10, archived=True) == [archived]


async def test_a_tenant_has_one_payer_whoever_chooses_at_once(
    organisations: Organisations, pool: Pool
) -> None:
    made = [await organisations.create(f"o{n}", "acme", COMPANY) for n in range(4)]
    await asyncio.gather(
        *(organisations.set_payer(f"p{n}", "acme", each.id) for n, each in enumerate(made * 3))
    )
    assert sum(each.payer for each in await organisations.list("acme", 10)) == 1
    chosen = await organisations.set_payer("last", "acme", made[2].id)
    assert chosen.payer
    assert [each.id for each in await organisations.list("acme", 10) if each.payer] == [chosen.id]


async def test_a_draft_is_no_payer_and_a_payer_that_becomes_one_or_is_archived_is_none(
    organisations: Organisations, company: Organisation
) -> None:
    draft = await organisations.create("sample", "acme", SAMPLE, draft=True)
    with pytest.raises(OrganisationIsDraft) as caught:
        await organisations.set_payer("p", "acme", draft.id)
    assert len(caught.value.faults) == 2
    await organisations.set_payer("p1", "acme", company.id)
    assert not (await organisations.update("u1", "acme", company.id, {}, draft=True)).payer
    await organisations.update("u2", "acme", company.id, {}, draft=False)
    assert (await organisations.set_payer("p2", "acme", company.id)).payer
    assert not (await organisations.archive("a", "acme", company.id)).payer


async def test_another_tenants_organisation_is_not_found(
    organisations: Organisations, company: Organisation, tenants: Tenants
) -> None:
    await tenants.create("create-globex", new_tenant("globex"))
    for tenant in ("globex", "nobody"):
        for attempt in (
            organisations.get(tenant, company.id),
            organisations.update("u", tenant, company.id, {"name": "mine"}),
            organisations.archive("a", tenant, company.id),
            organisations.set_payer("p", tenant, company.id),
        ):
            with pytest.raises(OrganisationUnknown):
                await attempt
        assert await organisations.list(tenant, 10, archived=True) == []
    assert await organisations.get("acme", company.id) == company
    with pytest.raises(UnknownTenant):
        await organisations.create("c", "nobody", COMPANY)


@pytest.mark.parametrize(
    "change",
    ["inn = '77'", "inn = '770708389²'", "kpp = ''", "kpp = '7'", "name = ''",
     "payer = true, draft = true", "payer = true, archived_at = now()"],
)  # fmt: skip
async def test_the_table_itself_refuses_what_must_not_be(
    pool: Pool, company: Organisation, change: str
) -> None:
    with pytest.raises(InvariantBroken), driver_errors():
        await pool.execute(f"UPDATE organisations SET {change} WHERE id = $1", company.id)
