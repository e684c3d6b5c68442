"""The doors in a browser: signing in, the choice of language and theme, tenants, signing out."""

import pytest
from playwright.sync_api import expect

from tests.web.conftest import DESKTOP, PHONE, Open
from tests.web.looks import findings, overflow, shoot
from tests.web.service import TENANT, Service


@pytest.mark.parametrize(
    ("language", "scheme", "name", "size"),
    [("ru", "light", "desktop", DESKTOP), ("en", "dark", "phone", PHONE)],
)
def test_the_door_looks_right_and_keeps_nobody_out(
    open_page: Open, language: str, scheme: str, name: str, size: tuple[int, int]
) -> None:
    page = open_page(tenant_id=None, language=language, scheme=scheme, size=size)
    shoot(page, f"sign-in-{name}-{scheme}-{language}")
    assert not findings(page)
    assert overflow(page) == 0


def test_a_person_signs_in_by_a_key_and_out_again(open_page: Open, service: Service) -> None:
    page = open_page(tenant_id=None)
    page.get_by_label("API key").fill("tg_wrong_key")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("does not work")
    page.get_by_label("API key").fill(service.key(f"tenant:{TENANT}"))
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Overview")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
    page.go_back()
    expect(page.get_by_label("API key")).to_be_visible()


def test_language_and_theme_are_kept(open_page: Open) -> None:
    page = open_page(language="en")
    page.locator("summary", has_text="View and language").click()
    page.get_by_role("button", name="Русский").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Обзор")
    page.locator("summary", has_text="Вид и язык").click()
    page.get_by_role("button", name="Тёмное").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    assert page.evaluate("getComputedStyle(document.body).colorScheme") == "dark"
    page.reload()
    expect(page.get_by_role("heading", level=1)).to_have_text("Обзор")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")


def test_an_administrator_goes_from_tenant_to_tenant(open_page: Open, service: Service) -> None:
    service.tenant("second-tenant", 3)
    page = open_page(f"/console/t/{TENANT}/overview", tenant_id="")
    page.locator(".menu.tenant summary").click()
    shoot(page, "tenants-desktop-light-en")
    page.get_by_role("link", name="Second-Tenant").click()
    expect(page.locator(".amount")).to_have_text("$3.00")
    assert page.url.endswith("/console/t/second-tenant/overview")


def test_a_session_that_ends_elsewhere_leads_to_the_door(open_page: Open) -> None:
    page = open_page()
    other = page.context.new_page()
    other.goto(page.url)
    other.get_by_role("button", name="Sign out").click()
    expect(page.get_by_label("API key")).to_be_visible()


def test_what_is_not_there_says_so(open_page: Open) -> None:
    page = open_page("/console/t/somebody-else/overview")
    expect(page.locator("main")).to_contain_text("does not open that")
    shoot(page, "error-desktop-light-en")
    assert not findings(page)
