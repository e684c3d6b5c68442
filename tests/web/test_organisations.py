"""Organisations as people keep them: checked while typed, drafts, the payer, documents."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.integration.api.installation import fresh_id
from tests.unit.documents.samples import COMPANY
from tests.web.conftest import DESKTOP, PHONE, Open
from tests.web.looks import findings, overflow, shoot
from tests.web.service import Service
from tollgate.v1 import organisations_pb2 as pb

LOOKS = [
    ("ru", "light", "desktop", DESKTOP),
    ("en", "dark", "desktop", DESKTOP),
    ("en", "light", "phone", PHONE),
    ("ru", "dark", "phone", PHONE),
]
LABELS = {
    "inn": "INN",
    "kpp": "KPP",
    "legal_address": "Legal address",
    "settlement_account": "Settlement account",
    "bik": "BIK",
    "email": "E-mail",
}


@pytest.fixture
def room(service: Service) -> str:
    """A tenant of the test's own."""
    return service.tenant(f"t-{fresh_id()[:8]}", 10)


def add(service: Service, room: str, **changes: object) -> pb.Organisation:
    """An organisation by the services."""
    fields = {name: getattr(COMPANY, name) for name in ("name", *LABELS)} | changes
    request = pb.CreateOrganisationRequest(
        request_id=fresh_id(), tenant_id=room, organisation=pb.Organisation(**fields)
    )
    made: pb.Organisation = service.ask("CreateOrganisation", request).organisation
    return made


def fill(page: Page, **changes: str) -> None:
    """Fills in the form as a person does, with the company's requisites."""
    page.get_by_label("Name").fill(COMPANY.name)
    for name, label in LABELS.items():
        page.get_by_label(label).fill(changes.get(name, getattr(COMPANY, name)))


def test_a_wrong_number_is_told_at_the_field_while_it_is_typed(open_page: Open, room: str) -> None:
    page = open_page(f"/console/t/{room}/organisations", tenant_id=room)
    page.get_by_role("link", name="Add an organisation").click()
    inn = page.get_by_label("INN")
    inn.press_sequentially("7701234567", delay=20)
    expect(page.locator("#note-inn")).to_contain_text("check digits")
    expect(inn).to_have_attribute("aria-invalid", "true")
    expect(inn).to_be_focused()
    expect(page.locator("#note-kpp")).not_to_contain_text("Fill in")  # nobody has come there yet
    inn.fill("7707083893")
    expect(page.locator("#note-inn")).to_have_text("Looks right")
    page.get_by_label("Settlement account").fill(COMPANY.settlement_account)
    expect(page.locator("#note-settlement_account")).to_have_text("Looks right")
    page.get_by_label("BIK").fill("044525226")
    expect(page.locator("#note-settlement_account")).to_contain_text("does not belong to this BIK")
    assert page.evaluate("document.querySelector('#field-inn').value") == "7707083893"


def test_the_words_are_those_of_the_page(open_page: Open, room: str) -> None:
    page = open_page(f"/console/t/{room}/organisations/new", tenant_id=room, language="ru")
    page.get_by_label("ИНН").fill("7701234567")
    expect(page.locator("#note-inn")).to_contain_text("В ИНН опечатка")


def test_what_is_typed_on_while_the_check_is_away_stays(open_page: Open, room: str) -> None:
    page = open_page(f"/console/t/{room}/organisations/new", tenant_id=room)
    with page.expect_response("**/new/check"):
        page.get_by_label("Name").press_sequentially("ООО", delay=10)
    page.get_by_label("Name").press_sequentially(" «Маяк»", delay=150)
    page.get_by_label("INN").press_sequentially("770708", delay=150)
    expect(page.locator("#note-inn")).to_contain_text("10 digits for a company")
    expect(page.get_by_label("Name")).to_have_value("ООО «Маяк»")
    expect(page.get_by_label("INN")).to_have_value("770708")


def test_an_organisation_is_added_edited_chosen_and_archived(open_page: Open, room: str) -> None:
    page = open_page(f"/console/t/{room}/organisations/new", tenant_id=room)
    fill(page, inn="7707 083 893")
    page.get_by_role("button", name="Save", exact=True).click()
    card = page.locator(".organisation")
    expect(card).to_contain_text("7707083893")
    card.get_by_role("link", name="Edit").click()
    page.get_by_label("E-mail").fill("new@example.ru")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(card).to_contain_text("new@example.ru")
    card.get_by_role("button", name="Make the payer").click()
    expect(card.locator(".badge.good")).to_have_text("Payer")
    card.get_by_role("button", name="Archive").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text(COMPANY.name)
    dialog.get_by_role("button", name="Archive").click()
    expect(page.locator("main .empty")).to_contain_text("There are no organisations yet")
    page.get_by_role("link", name="Show archived ones").click()
    expect(card.locator(".badge")).to_have_text("Archived")


def test_a_draft_keeps_what_is_there_and_says_what_it_lacks(open_page: Open, room: str) -> None:
    page = open_page(f"/console/t/{room}/organisations/new", tenant_id=room)
    page.get_by_label("Name").fill(COMPANY.name)
    page.get_by_label("INN").fill("7701234567")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator("#note-bik")).to_contain_text("Fill in this field.")
    page.get_by_role("button", name="Save as a draft").click()
    card = page.locator(".organisation")
    expect(card.locator(".badge.warn")).to_have_text("Draft")
    card.get_by_role("link", name="INN").click()
    expect(page.locator("#note-inn")).to_contain_text("check digits")
    fill(page)
    page.get_by_role("button", name="Save", exact=True).click()
    expect(card.locator(".badge")).to_have_count(0)


def test_an_administrator_issues_an_invoice_and_the_tenant_downloads_it(
    open_page: Open, service: Service, room: str
) -> None:
    add(service, room)
    path = f"/console/t/{room}/organisations/documents"
    page = open_page(path, tenant_id="")
    page.get_by_role("link", name="Issue a document").click()
    page.get_by_label("Sum in roubles").fill("0")
    page.get_by_role("button", name="Issue the invoice").click()
    expect(page.locator(".field.wrong")).to_contain_text("out of range")
    page.get_by_label("Sum in roubles").fill("15 000,50")
    page.get_by_role("button", name="Issue the invoice").click()
    expect(page.locator(".documents tbody tr")).to_contain_text("15,000.50\xa0₽")
    own = open_page(path, tenant_id=room)
    expect(own.get_by_role("link", name="Issue a document")).to_have_count(0)
    with own.expect_download() as begun:
        own.get_by_role("link", name="PDF").click()
    assert begun.value.suggested_filename.startswith("Счёт № ")
    assert Path(begun.value.path()).read_bytes().startswith(b"%PDF")


@pytest.mark.parametrize(("language", "scheme", "name", "size"), LOOKS)
def test_it_looks_right_and_keeps_nobody_out(
    open_page: Open,
    service: Service,
    room: str,
    language: str,
    scheme: str,
    name: str,
    size: tuple[int, int],
) -> None:
    made = add(service, room)
    named = {"tenant_id": room, "organisation_id": made.organisation_id}
    service.ask("SetPayer", pb.SetPayerRequest(request_id=fresh_id(), **named))
    lacking = add(service, room, name="ООО «ТехноМастер»", inn="7701234567", bik="", draft=True)
    service.ask(
        "IssueInvoice",
        pb.IssueInvoiceRequest(request_id=fresh_id(), pay_amount_kopecks=1_500_000, **named),
    )
    here = f"/console/t/{room}/organisations"
    page = open_page(here, tenant_id="", language=language, scheme=scheme, size=size)
    places = {"list": "", "form": f"/{lacking.organisation_id}"}
    places |= {"documents": "/documents", "issue": "/documents/issue"}
    for what, path in places.items():
        page.goto(here + path)
        expect(page.get_by_role("navigation")).not_to_have_count(0)
        if what == "form":
            page.locator("#field-email").press("End")
            page.locator("#field-email").press_sequentially("x")
            expect(page.locator(".field.right").first).to_be_visible()
        page.wait_for_load_state("load")
        shoot(page, f"organisations-{what}-{name}-{scheme}-{language}")
        assert not findings(page), what
        assert overflow(page) == 0, what


def test_it_works_by_keyboard_alone_and_without_scripts(open_page: Open, room: str) -> None:
    page = open_page(f"/console/t/{room}/organisations/new", tenant_id=room, scripts=False)
    page.get_by_label("Name").focus()
    for text in (COMPANY.name, "7701234567"):
        page.keyboard.type(text)
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#note-inn")).to_contain_text("check digits")
    page.get_by_role("button", name="Save as a draft").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".organisation .badge")).to_have_text("Draft")
