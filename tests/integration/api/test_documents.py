"""Organisations and documents over gRPC: fields, repeats, who sees what, and the act of a month."""

import hashlib
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

from ledger.documents.month import Month
from ledger.organisations.requisites import FIELDS, Requisites
from server.billing.settlement_queue import SettlementQueue
from tests.integration.api.client import Client, Told
from tests.integration.api.conftest import Install
from tests.integration.api.gateway import Gateway
from tests.integration.api.installation import Installation, clock_tariff, fresh_id
from tests.unit.documents.samples import COMPANY, ENTREPRENEUR, SAMPLE, SELLER
from tollgate.v1 import billing_pb2
from tollgate.v1 import organisations_pb2 as pb
from tollgate.v1 import payments_pb2 as payments

SETTINGS = {f"seller_{name}": value for name, value in asdict(SELLER).items()}
PRECONDITION = grpc.StatusCode.FAILED_PRECONDITION
UNKNOWN_ORGANISATION = Told(grpc.StatusCode.NOT_FOUND, "UNKNOWN_ORGANISATION")
UNKNOWN_DOCUMENT = Told(grpc.StatusCode.NOT_FOUND, "UNKNOWN_DOCUMENT")
KEY_REUSED = Told(grpc.StatusCode.ALREADY_EXISTS, "KEY_REUSED")
THIS_MONTH = Month.of(datetime.now(UTC).date())
LAST_MONTH = Month.of(THIS_MONTH.first_day() - timedelta(days=1))


def create(
    requisites: Requisites = COMPANY, tenant_id: str = "acme", request_id: str = "", **fields: Any
) -> Message:
    """A CreateOrganisation."""
    return pb.CreateOrganisationRequest(
        request_id=request_id or fresh_id(),
        tenant_id=tenant_id,
        organisation=pb.Organisation(**asdict(requisites), **fields),
    )


def update(organisation_id: str, *paths: str, tenant_id: str = "acme", **fields: Any) -> Message:
    """An UpdateOrganisation of what is given; `paths` names more."""
    return pb.UpdateOrganisationRequest(
        request_id=fresh_id(),
        tenant_id=tenant_id,
        organisation=pb.Organisation(organisation_id=organisation_id, **fields),
        update_mask=FieldMask(paths=[*fields, *paths]),
    )


def invoice(organisation_id: str, kopecks: int = 1_500_000, **fields: Any) -> Message:
    """An IssueInvoice."""
    values: dict[str, Any] = {"request_id": fresh_id(), "tenant_id": "acme"}
    values |= {"pay_amount_kopecks": kopecks}
    return pb.IssueInvoiceRequest(organisation_id=organisation_id, **(values | fields))


def act(month: object = LAST_MONTH, rate: str = "91.2345", tenant_id: str = "acme") -> Message:
    """An IssueAct."""
    return pb.IssueActRequest(
        request_id=fresh_id(), tenant_id=tenant_id, month=str(month), exchange_rate=rate
    )


def document_of(request: type[Any], document_id: str, tenant_id: str = "acme") -> Message:
    """A question about one document."""
    message: Message = request(tenant_id=tenant_id, document_id=document_id)
    return message


def organisation_of(request: type[Any], organisation_id: str, **fields: Any) -> Message:
    """A request about one organisation."""
    values = {"tenant_id": "acme", "organisation_id": organisation_id}
    message: Message = request(**(values | fields))
    return message


async def made(client: Client, *arguments: Any, **fields: Any) -> pb.Organisation:
    """A new organisation."""
    organisation: pb.Organisation = (await client(create(*arguments, **fields))).organisation
    return organisation


async def choose(client: Client, organisation_id: str) -> None:
    """Makes an organisation the payer."""
    request = organisation_of(pb.SetPayerRequest, organisation_id, request_id=fresh_id())
    assert (await client(request)).organisation.payer


def violations(error: grpc.aio.AioRpcError) -> dict[str, str]:
    """The reason of each field that was wrong."""
    packed = dict(error.trailing_metadata() or ())["grpc-status-details-bin"]
    assert isinstance(packed, bytes)
    bad = error_details_pb2.BadRequest()
    details = status_pb2.Status.FromString(packed).details
    assert any(detail.Unpack(bad) for detail in details)
    return {each.field: each.reason for each in bad.field_violations}


async def test_every_fault_is_told_at_once_with_its_field(
    installation: Installation, gateway: Gateway
) -> None:
    wrong = replace(SAMPLE, email="", kpp="7")
    error = await installation.admin.error(create(wrong, request_id="a b"))
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert violations(error) == {
        "request_id": "INVALID_ID",
        "organisation.inn": "INN_CHECKSUM",
        "organisation.kpp": "KPP_FORM",
        "organisation.settlement_account": "ACCOUNT_CHECKSUM",
        "organisation.email": "REQUIRED",
    }


async def test_the_sample_is_a_draft_that_says_what_it_lacks_until_it_is_completed(
    install: Install,
) -> None:
    async with install(**SETTINGS) as installation:
        await installation.tenant("acme")
        admin = installation.admin
        draft = await made(admin, SAMPLE, draft=True)
        assert [fault.reason for fault in draft.faults] == ["INN_CHECKSUM", "ACCOUNT_CHECKSUM"]
        refused = await admin.told(invoice(draft.organisation_id))
        assert refused == Told(PRECONDITION, "ORGANISATION_IS_DRAFT")
        error = await admin.error(update(draft.organisation_id, "draft"))
        assert set(violations(error)) == {"organisation.inn", "organisation.settlement_account"}
        fields = {"inn": COMPANY.inn, "settlement_account": COMPANY.settlement_account}
        completed = await admin(update(draft.organisation_id, "draft", **fields))
        assert (completed.organisation.draft, list(completed.organisation.faults)) == (False, [])
        assert (await admin(invoice(draft.organisation_id))).document.number == 1


async def test_a_repeat_returns_the_first_result_and_other_content_is_key_reused(
    install: Install,
) -> None:
    async with install(**SETTINGS) as installation:
        await installation.tenant("acme", balance=1_000)
        admin = installation.admin
        first = await admin(create(request_id="c"))
        organisation_id = first.organisation.organisation_id
        issued = await admin(invoice(organisation_id, request_id="i"))
        changed = await admin(update(organisation_id, name="ООО «Молот»"))
        assert await admin(create(request_id="c")) == first
        assert await admin(invoice(organisation_id, request_id="i")) == issued
        assert changed.organisation.name == "ООО «Молот»"
        for other in (
            create(ENTREPRENEUR, request_id="c"),
            invoice(organisation_id, 1, request_id="i"),
            invoice(organisation_id, request_id="c"),
        ):
            assert await admin.told(other) == KEY_REUSED
        await installation.adjust("acme", -5, "d")
        assert await admin.told(create(request_id="d")) == KEY_REUSED
        assert len((await admin(pb.ListDocumentsRequest(tenant_id="acme"))).documents) == 1


async def test_organisations_are_listed_in_pages_without_the_archived(
    installation: Installation, gateway: Gateway
) -> None:
    admin = installation.admin
    ids = [(await made(admin)).organisation_id for _ in range(5)]
    archive = organisation_of(pb.ArchiveOrganisationRequest, ids[1], request_id=fresh_id())
    assert (await admin(archive)).organisation.HasField("archived_at")
    found: list[str] = []
    request = pb.ListOrganisationsRequest(tenant_id="acme", page_size=2)
    while True:
        page = await admin(request)
        found += [each.organisation_id for each in page.organisations]
        request.page_token = page.next_page_token
        if not request.page_token:
            break
    assert found == [ids[0], *ids[2:]]
    everything = await admin(pb.ListOrganisationsRequest(tenant_id="acme", show_archived=True))
    assert [each.organisation_id for each in everything.organisations] == ids


@pytest.mark.parametrize("paths", [[], ["organisation_id"], ["payer"], ["inn", "faults"]])
async def test_an_update_names_fields_that_can_be_changed(
    installation: Installation, gateway: Gateway, paths: list[str]
) -> None:
    organisation = await made(installation.admin)
    told = await installation.admin.told(update(organisation.organisation_id, *paths))
    assert told.field == "update_mask"


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (invoice("o", 0), "pay_amount_kopecks"),
        (invoice("o", 10**14), "pay_amount_kopecks"),
        (invoice(""), "organisation_id"),
        (act("2026-3"), "month"),
        (act(rate="0"), "exchange_rate"),
        (act(rate="1e3"), "exchange_rate"),
        (act(rate="1000000.1"), "exchange_rate"),
        (act(rate="-5"), "exchange_rate"),
        (act(rate="nan"), "exchange_rate"),
        (act(rate="91,23"), "exchange_rate"),
        (act(rate="٩"), "exchange_rate"),
        (pb.ListDocumentsRequest(tenant_id="acme", page_token="WyIxLjUiXQ=="), "page_token"),
        (pb.ListDocumentsRequest(tenant_id="acme", kind=7), "kind"),  # type: ignore[arg-type]
        (pb.GetDocumentRequest(tenant_id="acme", document_id="a/b"), "document_id"),
        (pb.ListOrganisationsRequest(tenant_id="acme", page_token="WyLCsiJd"), "page_token"),
    ],
    ids=lambda each: each if isinstance(each, str) else each.DESCRIPTOR.name,
)
async def test_a_wrong_field_is_named(
    installation: Installation, gateway: Gateway, request_: Message, field: str
) -> None:
    told = await installation.admin.told(request_)
    assert (told.code, told.field) == (grpc.StatusCode.INVALID_ARGUMENT, field)


async def test_without_a_seller_documents_name_the_settings(
    installation: Installation, gateway: Gateway
) -> None:
    organisation = await made(installation.admin)
    for request in (invoice(organisation.organisation_id), act()):
        error = await installation.admin.error(request)
        assert error.code() is PRECONDITION
        assert "TOLLGATE_SELLER_NAME, TOLLGATE_SELLER_INN" in str(error.details())


async def test_an_invoice_is_read_listed_and_downloaded_byte_for_byte(install: Install) -> None:
    async with install(**SETTINGS, vat_percent=20) as installation:
        await installation.tenant("acme")
        admin = installation.admin
        organisation = await made(admin)
        issued = (await admin(invoice(organisation.organisation_id))).document
        assert (issued.number, issued.vat_percent, issued.vat_kopecks) == (1, 20, 250_000)
        assert (issued.email, issued.HasField("sent_at")) == (COMPANY.email, False)
        await admin(update(organisation.organisation_id, name="ООО «Другое»"))
        question = document_of(pb.GetDocumentRequest, issued.document_id)
        assert (await admin(question)).document == issued
        listed = await admin(pb.ListDocumentsRequest(tenant_id="acme"))
        assert list(listed.documents) == [issued]
        acts = pb.ListDocumentsRequest(tenant_id="acme", kind=pb.DOCUMENT_KIND_ACT)
        assert not (await admin(acts)).documents
        download = document_of(pb.DownloadDocumentRequest, issued.document_id)
        file = await admin(download)
        assert await admin(download) == file
        assert hashlib.sha256(file.pdf).hexdigest() == issued.sha256
        assert file.pdf.startswith(b"%PDF-")
        assert file.file_name.startswith("Счёт № 1 от ")


async def test_a_tenants_key_sees_nothing_of_another_tenant(install: Install) -> None:
    async with install(**SETTINGS) as installation:
        for tenant_id in ("acme", "globex"):
            await installation.tenant(tenant_id)
        theirs = await made(installation.admin, tenant_id="globex")
        request = invoice(theirs.organisation_id, tenant_id="globex")
        document_id = (await installation.admin(request)).document.document_id
        client = await installation.client("tenant:acme")
        for organisation_id in (theirs.organisation_id, "org-none"):
            for looks in (
                organisation_of(pb.GetOrganisationRequest, organisation_id),
                update(organisation_id, name="mine"),
                organisation_of(pb.SetPayerRequest, organisation_id, request_id=fresh_id()),
                organisation_of(
                    pb.ArchiveOrganisationRequest, organisation_id, request_id=fresh_id()
                ),
            ):
                assert await client.told(looks) == UNKNOWN_ORGANISATION
            assert await installation.admin.told(invoice(organisation_id)) == UNKNOWN_ORGANISATION
        for each in (document_id, "doc-none"):
            for question in (pb.GetDocumentRequest, pb.DownloadDocumentRequest):
                assert await client.told(document_of(question, each)) == UNKNOWN_DOCUMENT
        assert not (await client(pb.ListOrganisationsRequest(tenant_id="acme"))).organisations
        assert not (await client(pb.ListDocumentsRequest(tenant_id="acme"))).documents


async def test_a_tenants_own_key_keeps_its_organisations_but_issues_nothing(
    install: Install,
) -> None:
    async with install(**SETTINGS) as installation:
        await installation.tenant("acme")
        client = await installation.client("tenant:acme")
        organisation = await made(client)
        await choose(client, organisation.organisation_id)
        denied = Told(grpc.StatusCode.PERMISSION_DENIED, "PERMISSION_DENIED")
        for request in (invoice(organisation.organisation_id), act()):
            assert await client.told(request) == denied


async def test_an_act_is_of_a_month_that_is_over_and_charged(install: Install) -> None:
    async with install(**SETTINGS) as installation:
        await installation.tenant("acme", balance=1_000_000)
        admin = installation.admin
        await choose(admin, (await made(admin)).organisation_id)
        assert await admin.told(act(THIS_MONTH)) == Told(PRECONDITION, "MONTH_NOT_OVER")
        assert await admin.told(act()) == Told(PRECONDITION, "NOTHING_CHARGED")
        assert await admin.told(act(rate="")) == Told(PRECONDITION, "RATE_MISSING")


async def test_no_act_is_issued_while_settlements_of_its_month_wait(install: Install) -> None:
    async with install(**SETTINGS, posts=False) as installation:
        await installation.tenant("acme", balance=1_000_000)
        queue = SettlementQueue(installation.parts.store, installation.parts.readers)
        now = datetime.now(UTC)
        assert not await queue.holds_before("acme", now + timedelta(days=40))
        gateway = Gateway(installation.admin)
        await gateway.accepted()
        await gateway.settle("c1", 100)
        assert await queue.holds_before("acme", now + timedelta(days=40))
        assert not await queue.holds_before("acme", now - timedelta(days=1))
        installation.beside(installation.parts.posters[0].run)
        await installation.settled_down()
        assert not await queue.holds_before("acme", now + timedelta(days=40))


async def test_a_month_has_one_act_for_the_payer(install: Install) -> None:
    async with install(**SETTINGS) as installation:
        await installation.tenant("acme")
        admin = installation.admin
        organisation = await made(admin)
        await _charge_last_month(installation, 57_500_000)
        assert await admin.told(act()) == Told(PRECONDITION, "PAYER_MISSING")
        await choose(admin, organisation.organisation_id)
        issued = (await admin(act())).document
        assert (issued.amount_kopecks, issued.charged_micros) == (524_598, 57_500_000)
        assert (issued.month, issued.exchange_rate) == (str(LAST_MONTH), "91.2345")
        assert issued.dated == LAST_MONTH.last_day().isoformat()
        assert (await admin(act(rate="91.234500"))).document == issued
        assert await admin.told(act(rate="92")) == Told(PRECONDITION, "DOCUMENT_DIFFERS")


async def test_a_tenant_in_roubles_needs_no_rate(install: Install) -> None:
    async with install(**SETTINGS) as installation:
        tariff = clock_tariff("roubles", currency="RUB")
        await installation.admin(billing_pb2.PutTariffRequest(request_id="t", tariff=tariff))
        await installation.tenant("acme", tariff="roubles", currency="RUB")
        admin = installation.admin
        await choose(admin, (await made(admin)).organisation_id)
        await _charge_last_month(installation, 1_000_005_000)
        assert (await admin.told(act())).field == "exchange_rate"
        issued = (await admin(act(rate=""))).document
        assert (issued.amount_kopecks, issued.exchange_rate) == (100_001, "1")


async def _charge_last_month(installation: Installation, micros: int) -> None:
    """A settled call, as the ledger would hold it since last month, in an epoch before all."""
    await installation.ledger(
        """
        INSERT INTO calls (
            tenant, call_id, model, tariff, tariff_version, analytics, caller, callee, direction,
            assistant_id, settled_at, outcome, usage, cost, rated_micros, charged_micros,
            overrun_micros, spend_by_day, settle_digest, shard, epoch, n, day
        )
        VALUES (
            'acme', 'c1', 'clock', 'clock', 1, false, '', '', 1, '', $1, 1, '{}', '[]', $2, $2, 0,
            '{}', '', 0, 0, 1, tenant_day('acme', $1)
        )
        """,
        LAST_MONTH.bounds("UTC")[0],
        micros,
    )
    await installation.ledger(
        """
        INSERT INTO accounts (name, currency)
        SELECT 'revenue.past', currency FROM tenants WHERE id = 'acme'
        """
    )
    await installation.ledger(
        """
        INSERT INTO postings (
            shard, epoch, n, tenant, debit_account, credit_account, amount_micros, kind, call_id
        )
        SELECT 0, 0, 1, 'acme', funds.id, revenue.id, $1, revenue.name, 'c1'
        FROM accounts AS funds, accounts AS revenue
        WHERE funds.tenant = 'acme' AND funds.name = 'funds' AND revenue.name = 'revenue.past'
        """,
        micros,
    )


async def set_rate(client: Client, rate: str, day: str) -> None:
    """Sets what a dollar costs in roubles."""
    given = payments.ExchangeRate(base_currency="USD", quote_currency="RUB", rate=rate, day=day)
    await client(payments.SetExchangeRateRequest(request_id=fresh_id(), exchange_rate=given))


async def top_up(client: Client, organisation_id: str = "", **fields: Any) -> payments.TopUp:
    """A new top-up by hand."""
    values: dict[str, Any] = {"request_id": fresh_id(), "tenant_id": "acme"}
    values["credit_amount_micros"] = 10_000_000
    request = payments.CreateTopUpRequest(organisation_id=organisation_id, **(values | fields))
    made: payments.TopUp = (await client(request)).top_up
    return made


async def test_an_act_takes_the_rate_that_is_set_for_the_months_last_day(install: Install) -> None:
    async with install(**SETTINGS) as installation:
        await installation.tenant("acme")
        admin = installation.admin
        await choose(admin, (await made(admin)).organisation_id)
        await _charge_last_month(installation, 57_500_000)
        await set_rate(admin, "50", THIS_MONTH.first_day().isoformat())
        error = await admin.error(act(rate=""))
        assert error.code() is PRECONDITION
        hint = f"tollgate rate set USD RUB RATE --day {LAST_MONTH.last_day()}"
        assert hint in str(error.details())
        await set_rate(admin, "91.2345", LAST_MONTH.last_day().isoformat())
        issued = (await admin(act(rate=""))).document
        assert (issued.amount_kopecks, issued.exchange_rate) == (524_598, "91.2345")
        await set_rate(admin, "99", LAST_MONTH.last_day().isoformat())
        assert (await admin(act(rate=""))).document == issued


async def test_an_invoice_for_a_top_up_asks_for_what_the_top_up_pins(install: Install) -> None:
    async with install(**SETTINGS, manual_currency="RUB") as installation:
        await installation.tenant("acme")
        await installation.tenant("globex")
        admin = installation.admin
        ours, other = [(await made(admin)).organisation_id for _ in range(2)]
        await set_rate(admin, "92.4567", "2020-01-01")
        begun = await top_up(admin, ours)
        request = invoice("", 0, top_up_id=begun.top_up_id)
        issued = (await admin(request)).document
        assert (issued.amount_kopecks, issued.organisation_id) == (92_457, ours)
        assert issued.top_up_id == begun.top_up_id
        again = invoice(ours, 0, top_up_id=begun.top_up_id)
        assert (await admin(again)).document == issued
        elsewhere = invoice(other, 0, top_up_id=begun.top_up_id)
        assert (await admin.told(elsewhere)).field == "organisation_id"
        twice = invoice("", 1, top_up_id=begun.top_up_id)
        assert (await admin.told(twice)).field == "pay_amount_kopecks"
        nobodys = (await top_up(admin)).top_up_id
        missing = await admin.told(invoice("", 0, top_up_id=nobodys))
        assert (missing.field, missing.reason) == ("organisation_id", "REQUIRED")
        assert (await admin(invoice(other, 0, top_up_id=nobodys))).document.number == 2
        theirs = (await top_up(admin, tenant_id="globex")).top_up_id
        for top_up_id in (theirs, "tu_none"):
            told = await admin.told(invoice(ours, 0, top_up_id=top_up_id))
            assert told == Told(grpc.StatusCode.NOT_FOUND, "UNKNOWN_TOP_UP")


async def test_a_top_up_in_another_currency_is_not_invoiced(install: Install) -> None:
    async with install(**SETTINGS) as installation:
        await installation.tenant("acme")
        begun = await top_up(installation.admin)
        told = await installation.admin.told(invoice("", 0, top_up_id=begun.top_up_id))
        assert told == Told(PRECONDITION, "TOP_UP_NOT_IN_ROUBLES")


async def test_a_top_up_names_an_organisation_that_is_in_use(installation: Installation) -> None:
    for tenant_id in ("acme", "globex"):
        await installation.tenant(tenant_id)
    admin = installation.admin
    draft = await made(admin, SAMPLE, draft=True)
    archived = await made(admin)
    await admin(
        organisation_of(
            pb.ArchiveOrganisationRequest, archived.organisation_id, request_id=fresh_id()
        )
    )
    theirs = await made(admin, tenant_id="globex")
    for organisation_id, told in (
        (draft.organisation_id, Told(PRECONDITION, "ORGANISATION_IS_DRAFT")),
        (archived.organisation_id, Told(PRECONDITION, "ORGANISATION_ARCHIVED")),
        (theirs.organisation_id, UNKNOWN_ORGANISATION),
        ("org-none", UNKNOWN_ORGANISATION),
    ):
        request = payments.CreateTopUpRequest(
            request_id=fresh_id(),
            tenant_id="acme",
            credit_amount_micros=10_000_000,
            organisation_id=organisation_id,
        )
        assert await admin.told(request) == told
    listed = await admin(payments.ListTopUpsRequest(tenant_id="acme"))
    assert not listed.top_ups


def test_the_contract_and_the_ledger_name_the_same_fields() -> None:
    assert set(FIELDS) <= set(pb.Organisation.DESCRIPTOR.fields_by_name)


async def listed(client: Client) -> list[pb.Organisation]:
    """The tenant's organisations."""
    return list((await client(pb.ListOrganisationsRequest(tenant_id="acme"))).organisations)


async def test_a_new_organisation_can_be_checked_without_creating_it(
    installation: Installation, gateway: Gateway
) -> None:
    admin = installation.admin
    request = create()
    request.validate_only, request.request_id = True, ""  # type: ignore[attr-defined]
    checked = (await admin(request)).organisation
    assert (checked.organisation_id, checked.name) == ("", COMPANY.name)
    wrong = create(SAMPLE)
    wrong.validate_only = True  # type: ignore[attr-defined]
    assert violations(await admin.error(wrong)) == {
        "organisation.inn": "INN_CHECKSUM",
        "organisation.settlement_account": "ACCOUNT_CHECKSUM",
    }
    wrong.organisation.draft = True  # type: ignore[attr-defined]
    assert (await admin(wrong)).organisation.draft
    nowhere = create(tenant_id="nowhere")
    nowhere.validate_only = True  # type: ignore[attr-defined]
    assert await admin.told(nowhere) == Told(grpc.StatusCode.NOT_FOUND, "UNKNOWN_TENANT")
    assert not await listed(admin)


async def test_a_change_can_be_checked_without_making_it(
    installation: Installation, gateway: Gateway
) -> None:
    admin = installation.admin
    before = await made(admin)
    request = update(before.organisation_id, inn="7701234567")
    request.validate_only, request.request_id = True, ""  # type: ignore[attr-defined]
    assert violations(await admin.error(request)) == {"organisation.inn": "INN_CHECKSUM"}
    request = update(before.organisation_id, email="new@example.ru")
    request.validate_only = True  # type: ignore[attr-defined]
    assert (await admin(request)).organisation.email == "new@example.ru"
    assert await listed(admin) == [before]
    request.validate_only = False  # type: ignore[attr-defined]
    assert (await admin(request)).organisation.email == "new@example.ru"
    assert [each.email for each in await listed(admin)] == ["new@example.ru"]
