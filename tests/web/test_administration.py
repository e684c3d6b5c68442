"""Administrators' pages as people use them: tenants, keys, and the state of the installation."""

import pytest
from playwright.sync_api import expect

from tests.web.conftest import DESKTOP, PHONE, Open
from tests.web.looks import findings, overflow, shoot
from tests.web.service import TENANT, Service

TENANTS, KEYS, STATE = (f"/console/admin/{name}" for name in ("tenants", "keys", "state"))
LOOKS = [("ru", "light", "desktop", DESKTOP), ("en", "dark", "phone", PHONE)]


@pytest.mark.parametrize(("language", "scheme", "name", "size"), LOOKS)
def test_they_look_right_and_keep_nobody_out(
    open_page: Open, language: str, scheme: str, name: str, size: tuple[int, int]
) -> None:
    page = open_page(TENANTS, tenant_id="", language=language, scheme=scheme, size=size)
    for shown, path in (
        ("tenants", TENANTS),
        ("tenant-new", f"{TENANTS}/new"),
        ("tenant", f"{TENANTS}/card/{TENANT}"),
        ("keys", KEYS),
        ("state", STATE),
    ):
        page.goto(path)
        if shown == "state":
            page.get_by_role("button", name="Сверить" if language == "ru" else "Audit").click()
            expect(page.locator("#audit .notice")).to_be_visible()
            expect(page.locator(".state-pace")).not_to_contain_text("…")
        expect(page.locator(".status-mark")).to_have_count(0)
        shoot(page, f"{shown}-{name}-{scheme}-{language}")
        assert not findings(page), shown
        assert overflow(page) == 0, shown


def test_a_tenant_is_created_found_credited_and_suspended(
    open_page: Open, service: Service
) -> None:
    page = open_page(TENANTS, tenant_id="")
    page.get_by_role("link", name="New tenant").click()
    page.get_by_label("Name").fill("Ёлки и Палки")
    page.get_by_label("Id").fill(TENANT)
    page.get_by_role("button", name="Create").click()
    expect(page.locator(".field.wrong")).to_contain_text("There is such a tenant already")
    page.get_by_label("Id").fill("yolki")
    page.get_by_role("button", name="Create").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Ёлки и Палки")
    page.get_by_label("Amount, USD").fill("12,50")
    page.get_by_label("Reason").fill("a welcome")
    page.get_by_role("button", name="Adjust").click()
    expect(page.locator(".tiles")).to_contain_text("$12.50")
    page.get_by_label("Debit", exact=True).check()
    page.get_by_label("Amount, USD").fill("100")
    page.get_by_label("Reason").fill("too much")
    page.get_by_role("button", name="Adjust").click()
    expect(page.locator(".field.wrong")).to_contain_text("Less than that is available")
    page.get_by_label("Credit limit, USD").fill("5")
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".tiles")).to_contain_text("$17.50")
    page.get_by_role("button", name="Suspend").click()
    page.get_by_role("dialog").get_by_role("button", name="Suspend").click()
    expect(page.locator(".page-head .badge")).to_have_text("Suspended")
    page.get_by_role("link", name="Tenants").first.click()
    page.get_by_role("searchbox").press_sequentially("ПАЛКИ")
    expect(page.locator(".tenants tbody tr")).to_have_count(1)
    expect(page.locator(".tenants tbody tr")).to_contain_text("Suspended")
    page.get_by_role("searchbox").fill("nobody at all")
    expect(page.locator("#tenants .empty")).to_be_visible()


def test_a_key_is_made_copied_used_and_revoked(open_page: Open) -> None:
    page = open_page(KEYS, tenant_id="")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_label("What it is for").fill("Lisbon")
    page.get_by_role("button", name="Create the key").click()
    expect(page.locator(".field.wrong")).to_contain_text("Say whose key it is")
    page.get_by_label("Tenant's id").fill(TENANT)
    page.get_by_role("button", name="Create the key").click()
    secret = page.locator("#secret").inner_text()
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == secret
    shoot(page, "keys-made-desktop-light-en")
    assert not findings(page)
    page.goto(KEYS)
    expect(page.locator("main")).not_to_contain_text(secret)
    other = open_page(tenant_id=None)
    other.get_by_label("API key").fill(secret)
    other.get_by_role("button", name="Sign in").click()
    expect(other.get_by_role("heading", level=1)).to_have_text("Overview")
    expect(other.get_by_role("link", name="Keys")).to_have_count(0)
    page.get_by_role("button", name="Revoke the key Lisbon").click()
    page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
    expect(page.locator(".revoked")).to_contain_text("Lisbon")


def test_the_state_updates_by_itself_and_audits_on_demand(
    open_page: Open, service: Service
) -> None:
    page = open_page(STATE, tenant_id="")
    expect(page.locator(".state-pace")).not_to_contain_text("…")
    page.evaluate("window.stayed = true")
    before = page.locator(".state-pace").inner_text()
    service.authorize(service.tenant("seen-in-state", 10), "c1")
    expect(page.locator(".state-pace")).not_to_have_text(before, use_inner_text=True)
    page.get_by_role("button", name="Audit now").click()
    expect(page.locator("#audit .notice.good")).to_contain_text("no differences")
    assert page.evaluate("window.stayed")


def test_the_keyboard_reaches_a_tenant_and_back(open_page: Open) -> None:
    page = open_page(TENANTS, tenant_id="")
    page.get_by_role("searchbox").focus()
    page.keyboard.type("techno")
    expect(page.locator(".tenants tbody tr")).to_have_count(1)
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_label("Credit limit, USD")).to_be_visible()
