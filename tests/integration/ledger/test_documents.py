"""Documents in the ledger: numbers without gaps, one act a month, nothing ever changed."""

import asyncio
import hashlib
import random
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from ledger.documents.archive import Documents
from ledger.documents.document import Contents, Document, Kind, Terms
from ledger.documents.month import Month
from ledger.driver_errors import driver_errors
from ledger.errors import (
    AmountOutOfRange,
    DocumentDiffers,
    DocumentUnknown,
    InvariantBroken,
    KeyReused,
    NothingCharged,
    OrganisationArchived,
    OrganisationIsDraft,
    OrganisationUnknown,
    PayerMissing,
    UnknownTenant,
)
from ledger.history.reader import History
from ledger.journal import Journal
from ledger.organisations.organisation import Organisation
from ledger.organisations.register import Organisations
from ledger.payments.top_up import NewTopUp
from ledger.payments.top_ups import TopUps
from ledger.pool import Pool
from ledger.shards import Shards
from ledger.tenant import Tenant
from ledger.tenants import Tenants
from tests.integration.ledger.samples import count, new_tenant, settled_call
from tests.unit.documents.samples import COMPANY, MARCH, SAMPLE, SELLER, TERMS

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
# In Moscow it is the next year already.
NEW_YEARS_EVE = datetime(2026, 12, 31, 21, 30, tzinfo=UTC)


async def plain(contents: Contents, issued_at: datetime) -> bytes:
    """A printer that writes what it was given."""
    return f"{contents} {issued_at}".encode()


class Crash(Exception):
    """What a process dies of in the middle of an issue."""


@pytest.fixture
async def organisation(pool: Pool, acme: Tenant) -> Organisation:
    organisations = Organisations(pool)
    made = await organisations.create("company", "acme", COMPANY)
    return await organisations.set_payer("payer", "acme", made.id)


@pytest.fixture
def documents(pool: Pool) -> Documents:
    return Documents(pool, plain, lambda: NOON)


async def begun(pool: Pool, tenant: str = "acme") -> str:
    """A top-up that waits for its payment."""
    new = NewTopUp(tenant, "manual", "any", "", 1_000_000, "")
    return (await TopUps(pool).create(f"begin-{tenant}", new)).id


Issue = Callable[..., Awaitable[Document]]


@pytest.fixture
def invoice(documents: Documents, organisation: Organisation) -> Issue:
    """Issues an invoice over 150 roubles to acme's company."""

    async def issue(request_id: str = "i", amount: int = 15_000, **fields: Any) -> Document:
        terms = fields.pop("terms", TERMS)
        where: Documents = fields.pop("documents", documents)
        return await where.issue_invoice(
            request_id, "acme", organisation.id, amount, terms, **fields
        )

    return issue


async def test_an_invoice_holds_what_was_known_when_it_was_issued(
    documents: Documents, invoice: Issue, organisation: Organisation, pool: Pool
) -> None:
    top_up = await begun(pool)
    issued = await invoice(terms=Terms(SELLER, 20), top_up=top_up)
    contents = issued.contents
    assert (contents.kind, contents.number, contents.dated) == (Kind.INVOICE, 1, NOON.date())
    assert (contents.seller, contents.customer) == (SELLER, COMPANY)
    assert (contents.amount_kopecks, contents.vat_percent, contents.vat_kopecks) == (
        15_000,
        20,
        2_500,
    )
    assert (issued.top_up, issued.email, issued.sent_at) == (top_up, COMPANY.email, None)
    pdf = await documents.pdf("acme", issued.id)
    assert pdf == await plain(contents, NOON)
    assert issued.pdf_sha256 == hashlib.sha256(pdf).digest()
    later = {"name": "ООО «Другое»", "email": "new@example.ru"}
    await Organisations(pool).update("u", "acme", organisation.id, later)
    assert await documents.get("acme", issued.id) == issued
    assert await documents.pdf("acme", issued.id) == pdf


async def test_a_repeat_returns_the_same_document_and_takes_no_number(
    documents: Documents, invoice: Issue, pool: Pool
) -> None:
    first = await invoice()
    assert await invoice() == first
    with pytest.raises(KeyReused):
        await invoice(amount=15_001)
    assert (await invoice("other")).contents.number == 2
    top_up = await begun(pool)
    of_top_up = await invoice("t", top_up=top_up)
    assert await invoice("t again", top_up=top_up) == of_top_up
    with pytest.raises(DocumentDiffers):
        await invoice("t other", amount=1, top_up=top_up)
    assert [each.contents.number for each in await documents.list("acme", 10)] == [3, 2, 1]


async def test_fifty_at_once_of_which_many_crash_leave_no_gap(
    pool: Pool, invoice: Issue, organisation: Organisation
) -> None:
    """Each process issues one after the other; several processes meet at the counter."""
    chance = random.Random(7)

    async def crashing(contents: Contents, issued_at: datetime) -> bytes:
        await asyncio.sleep(0)
        if chance.random() < 0.4:
            raise Crash
        return await plain(contents, issued_at)

    processes = [Documents(pool, crashing, lambda: NOON) for _ in range(5)]
    results = await asyncio.gather(
        *(invoice(f"i{n}", 100 + n, documents=processes[n % 5]) for n in range(50)),
        return_exceptions=True,
    )
    issued = [each for each in results if isinstance(each, Document)]
    assert {type(each) for each in results} == {Document, Crash}
    numbers = sorted(each.contents.number for each in issued)
    assert numbers == list(range(1, len(issued) + 1))
    assert await pool.fetchval("SELECT last FROM document_numbers") == len(issued)
    # What crashed is asked again, under the same request ids.
    again = await asyncio.gather(*(invoice(f"i{n}", 100 + n) for n in range(50)))
    assert sorted(each.contents.number for each in again) == list(range(1, 51))
    assert {each.id for each in issued} <= {each.id for each in again}


async def test_a_session_that_the_server_ends_gives_its_number_back(
    pool: Pool, invoice: Issue, organisation: Organisation
) -> None:
    async def ended(contents: Contents, issued_at: datetime) -> bytes:
        await pool.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE state = 'idle in transaction' AND datname = current_database()"
        )
        return await plain(contents, issued_at)

    with pytest.raises(Exception, match="ledger did not answer"):
        await invoice(documents=Documents(pool, ended, lambda: NOON))
    assert await count(pool, "documents") == await count(pool, "document_numbers") == 0
    assert (await invoice()).contents.number == 1


async def test_sellers_kinds_and_years_are_numbered_apart(
    pool: Pool, documents: Documents, invoice: Issue
) -> None:
    next_year = Documents(pool, plain, lambda: NEW_YEARS_EVE)
    other = Terms(replace(SELLER, inn="500100732259", kpp=""), None)
    assert [
        (await invoice("a")).contents.number,
        (await invoice("b")).contents.number,
        (await invoice("c", terms=other)).contents.number,
        (await documents.issue_act("d", "acme", MARCH, TERMS)).contents.number,
    ] == [1, 2, 1, 1]
    late = await invoice("e", documents=next_year)
    assert (late.contents.number, late.contents.dated) == (1, date(2027, 1, 1))
    assert (await invoice("f")).contents.number == 3


async def test_an_act_is_the_months_charges_at_the_rate(
    documents: Documents, organisation: Organisation
) -> None:
    act = await documents.issue_act("a", "acme", MARCH, TERMS)
    assert (act.contents.kind, act.contents.dated) == (Kind.ACT, date(2026, 3, 31))
    assert act.contents.amount_kopecks == 524_598
    assert act.contents.charges == MARCH
    assert act.contents.customer == COMPANY
    assert [each.id for each in await documents.list("acme", 10, kind=Kind.ACT)] == [act.id]
    assert await documents.list("acme", 10, kind=Kind.INVOICE) == []


async def test_a_month_has_one_act_whoever_asks_at_once(
    pool: Pool, documents: Documents, organisation: Organisation
) -> None:
    processes = [Documents(pool, plain, lambda: NOON) for _ in range(5)]
    made = await asyncio.gather(
        *(processes[n % 5].issue_act(f"a{n}", "acme", MARCH, TERMS) for n in range(20))
    )
    assert len({each.id for each in made}) == 1
    same = MARCH._replace(rate=Decimal("91.234500"), amount_micros=1)
    assert await documents.issue_act("b", "acme", same, TERMS) == made[0]
    with pytest.raises(DocumentDiffers):
        await documents.issue_act("c", "acme", MARCH._replace(rate=Decimal(92)), TERMS)
    april = MARCH._replace(month=Month(2026, 4))
    assert (await documents.issue_act("d", "acme", april, TERMS)).contents.number == 2


async def test_nothing_is_issued_to_who_cannot_be_invoiced(
    pool: Pool, documents: Documents, organisation: Organisation, tenants: Tenants
) -> None:
    organisations = Organisations(pool)
    await tenants.create("create-globex", new_tenant("globex"))
    draft = await organisations.create("draft", "acme", SAMPLE, draft=True)
    archived = await organisations.create("old", "acme", COMPANY)
    await organisations.archive("archive", "acme", archived.id)
    for tenant, whom, error in (
        ("acme", draft.id, OrganisationIsDraft),
        ("acme", archived.id, OrganisationArchived),
        ("acme", "org-none", OrganisationUnknown),
        ("globex", organisation.id, OrganisationUnknown),
        ("nobody", organisation.id, UnknownTenant),
    ):
        with pytest.raises(error):
            await documents.issue_invoice("i", tenant, whom, 100, TERMS)
    with pytest.raises(PayerMissing):
        await documents.issue_act("a", "globex", MARCH, TERMS)
    for micros in (0, 1):
        with pytest.raises(NothingCharged):
            await documents.issue_act("a", "acme", MARCH._replace(amount_micros=micros), TERMS)
    for kopecks in (0, -1, 10**14):
        with pytest.raises(AmountOutOfRange):
            await documents.issue_invoice("i", "acme", organisation.id, kopecks, TERMS)
    with pytest.raises(AmountOutOfRange):
        await documents.issue_act("a", "acme", MARCH._replace(amount_micros=10**17), TERMS)
    assert await count(pool, "documents") == await count(pool, "document_numbers") == 0


async def test_a_looked_up_rate_that_was_set_anew_changes_no_act(
    documents: Documents, organisation: Organisation
) -> None:
    first = await documents.issue_act("a", "acme", MARCH, TERMS, rate_named=False)
    later = MARCH._replace(rate=Decimal(99))
    for request_id in ("a", "b"):
        again = await documents.issue_act(request_id, "acme", later, TERMS, rate_named=False)
        assert again == first
    with pytest.raises(DocumentDiffers):
        await documents.issue_act("c", "acme", later, TERMS)


async def test_an_invoice_is_for_a_top_up_of_the_own_tenant(
    pool: Pool, invoice: Issue, tenants: Tenants
) -> None:
    await tenants.create("create-globex", new_tenant("globex"))
    for top_up in (await begun(pool, "globex"), "tu_none"):
        with pytest.raises(InvariantBroken):
            await invoice(top_up=top_up)


async def test_another_tenants_document_is_not_found(
    documents: Documents, invoice: Issue, tenants: Tenants
) -> None:
    issued = await invoice()
    await tenants.create("create-globex", new_tenant("globex"))
    for tenant in ("globex", "nobody"):
        for look in (documents.get, documents.pdf):
            with pytest.raises(DocumentUnknown):
                await look(tenant, issued.id)
        assert await documents.list(tenant, 10) == []


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE documents SET pdf = 'other', pdf_sha256 = sha256('other')",
        "UPDATE documents SET email = 'other@example.ru'",
        "UPDATE documents SET sent_at = now(), number = 2",
        "DELETE FROM documents",
        "TRUNCATE documents",
        "UPDATE document_numbers SET last = last + 2",
        "UPDATE document_numbers SET last = last - 1",
        "DELETE FROM document_numbers",
        "INSERT INTO document_numbers VALUES ('7707083893', 'act', 2026, 2)",
    ],
)
async def test_a_document_never_changes_and_no_number_is_skipped(
    pool: Pool, invoice: Issue, statement: str
) -> None:
    await invoice()
    with pytest.raises(InvariantBroken), driver_errors():
        await pool.execute(statement)


async def test_when_a_document_was_sent_is_noted_once(
    pool: Pool, documents: Documents, invoice: Issue
) -> None:
    issued = await invoice()
    sent = "UPDATE documents SET sent_at = $1"
    await pool.execute(sent, NOON)
    assert await documents.get("acme", issued.id) == replace(issued, sent_at=NOON)
    with pytest.raises(InvariantBroken), driver_errors():
        await pool.execute(sent, NEW_YEARS_EVE)


async def test_a_month_is_charged_by_the_day_of_settlement(
    pool: Pool, tenants: Tenants, shards: Shards
) -> None:
    await tenants.create("create", new_tenant("moscow", time_zone="Europe/Moscow"))
    start, end = Month(2026, 3).bounds("Europe/Moscow")
    moments = [start.replace(hour=20, minute=59), start, end.replace(hour=20), end]
    calls = [settled_call(n, "moscow", settled_at=at) for n, at in enumerate(moments, 1)]
    journal = Journal(pool)
    await journal.post(0, 1, calls)
    march = await History(pool).month("moscow", date(2026, 3, 1), date(2026, 3, 31))
    assert march.spent_micros == 2 * 46_000


async def test_pages_of_documents_hold_each_once(documents: Documents, invoice: Issue) -> None:
    for n in range(5):
        await invoice(f"i{n}")
    first = await documents.list("acme", 3)
    rest = await documents.list("acme", 3, first[-1].n)
    assert [each.contents.number for each in (*first, *rest)] == [5, 4, 3, 2, 1]
