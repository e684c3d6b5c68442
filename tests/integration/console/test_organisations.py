"""Organisations and documents in the console: whose they are, and who may issue."""

from dataclasses import asdict, replace

from tests.integration.api.conftest import Install
from tests.integration.api.installation import fresh_id
from tests.integration.console.browser import Browser, House, opened
from tests.unit.documents.samples import COMPANY, SAMPLE, SELLER
from tollgate.v1 import organisations_pb2 as pb

PLACE = "/console/t/acme/organisations"
SETTINGS = {f"seller_{name}": value for name, value in asdict(SELLER).items()}


async def added(house: House, tenant_id: str = "acme") -> str:
    """The id of a new organisation."""
    request = pb.CreateOrganisationRequest(
        request_id=fresh_id(), tenant_id=tenant_id, organisation=pb.Organisation(**asdict(COMPANY))
    )
    made: str = (await house.installation.admin(request)).organisation.organisation_id
    return made


async def names(browser: Browser) -> int:
    """How many organisations the list shows."""
    return (await browser.get(PLACE)).text.count('class="card organisation')


async def test_checking_creates_nothing_and_saving_twice_creates_one(house: House) -> None:
    browser = await house.signed_in("tenant:acme")
    form = {**asdict(COMPANY), "once": "o1", "as": "complete"}
    checked = await browser.post(f"{PLACE}/new/check", page=f"{PLACE}/new", **form)
    assert checked.status_code == 200
    assert await names(browser) == 0
    for _ in range(2):
        saved = await browser.post(f"{PLACE}/new", page=f"{PLACE}/new", **form)
        assert saved.headers["location"] == PLACE
    assert await names(browser) == 1


async def test_a_form_that_is_refused_keeps_what_was_typed(house: House) -> None:
    browser = await house.signed_in("tenant:acme")
    form = asdict(replace(SAMPLE, name='"><script>'))
    refused = await browser.post(f"{PLACE}/new", page=f"{PLACE}/new", once="o1", **form)
    assert refused.status_code == 422
    assert 'value="7701234567"' in refused.text
    assert '"><script>' not in refused.text


async def test_organisations_of_others_are_not_there(house: House) -> None:
    theirs = await added(house, "globex")
    browser = await house.signed_in("tenant:acme")
    assert (await browser.get(f"{PLACE}/{theirs}")).status_code == 404
    for what in ("", "/check", "/payer", "/archive"):
        form = {"once": "o1", **asdict(COMPANY)}
        answer = await browser.post(f"{PLACE}/{theirs}{what}", page=f"{PLACE}/new", **form)
        assert answer.status_code == 404, what


async def test_tenants_issue_nothing_and_administrators_are_told_what_is_missing(
    house: House,
) -> None:
    organisation = await added(house)
    form = {"once": "i1", "organisation_id": organisation, "pay_amount_kopecks": "100"}
    browser = await house.signed_in("tenant:acme")
    assert (await browser.get(f"{PLACE}/documents/issue")).status_code == 403
    answer = await browser.post(f"{PLACE}/documents/invoice", page=f"{PLACE}/new", **form)
    assert answer.status_code == 403
    admin = await house.signed_in("admin")
    answer = await admin.post(f"{PLACE}/documents/invoice", page=f"{PLACE}/new", **form)
    assert answer.status_code == 409
    assert "requisites are not set up" in answer.text


async def test_an_invoice_is_issued_once_sent_and_downloaded(install: Install) -> None:
    async with install(**SETTINGS) as installation, opened(installation) as house:
        await installation.tenant("acme")
        organisation = await added(house)
        admin, page = await house.signed_in("admin"), f"{PLACE}/documents/issue"
        form = {"once": "i1", "organisation_id": organisation, "pay_amount_kopecks": "15 000,5"}
        for _ in range(2):
            issued = await admin.post(f"{PLACE}/documents/invoice", page=page, **form)
            assert issued.headers["location"] == f"{PLACE}/documents"
        listed = pb.ListDocumentsRequest(tenant_id="acme")
        (document,) = (await installation.admin(listed)).documents
        assert document.amount_kopecks == 1_500_050
        browser = await house.signed_in("tenant:acme")
        there = f"{PLACE}/documents/{document.document_id}"
        pdf = await browser.get(f"{there}.pdf")
        assert pdf.content.startswith(b"%PDF")
        assert pdf.headers["content-type"] == "application/pdf"
        sent = await browser.post(f"{there}/send", page=f"{PLACE}/new")
        assert sent.headers["location"] == f"{PLACE}/documents"
