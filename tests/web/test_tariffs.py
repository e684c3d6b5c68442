"""Tariffs as people use them: the worked example typed, a version added, an exchange rate set."""

import re

import pytest
from playwright.sync_api import FilePayload, expect

from tests.web.conftest import DESKTOP, PHONE, Open
from tests.web.looks import findings, overflow, shoot
from tests.web.service import TENANT, Service

TARIFFS = f"/console/t/{TENANT}/tariffs"


@pytest.mark.parametrize(
    ("language", "scheme", "name", "size"),
    [("ru", "light", "desktop", DESKTOP), ("en", "dark", "phone", PHONE)],
)
def test_it_looks_right_and_keeps_nobody_out(
    open_page: Open, language: str, scheme: str, name: str, size: tuple[int, int]
) -> None:
    page = open_page(TARIFFS, tenant_id="", language=language, scheme=scheme, size=size)
    expect(page.locator("#quote .amount")).to_be_visible()
    shoot(page, f"tariffs-{name}-{scheme}-{language}")
    assert not findings(page)
    assert overflow(page) == 0
    page.goto(f"{TARIFFS}/new")
    shoot(page, f"tariffs-new-{name}-{scheme}-{language}")
    assert not findings(page)
    assert overflow(page) == 0


def test_a_tenant_works_out_what_a_call_costs(open_page: Open) -> None:
    page = open_page(TARIFFS)
    expect(page.get_by_role("link", name="New version")).to_have_count(0)
    page.get_by_label("Model", exact=True).select_option("generic-assistant")
    result = page.locator("#quote")
    expect(result).to_contain_text("$0.046")
    expect(result).to_contain_text("$0.045200 before rounding")
    page.get_by_label("Length, minutes").fill("0.04")
    expect(result).to_contain_text("Shorter than the free period")
    page.get_by_label("Length, minutes").fill("ten")
    expect(result).to_contain_text("Enter a number")
    page.get_by_label("Length, minutes").fill("3")
    expect(result).to_contain_text("$0.046")
    page.get_by_label("My own numbers").check()
    page.get_by_label("Audio out, minutes").fill("0")
    expect(result).to_contain_text("$0.022700 before rounding")


def test_the_calculator_works_by_keyboard(open_page: Open) -> None:
    page = open_page(TARIFFS)
    page.get_by_label("Model", exact=True).focus()
    page.keyboard.press("Tab")
    expect(page.get_by_label("Length, minutes")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    expect(page.locator("#quote")).not_to_contain_text("Analytics reports")
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowRight")
    expect(page.get_by_label("Input tokens")).to_be_visible()


def test_an_administrator_adds_a_version(open_page: Open) -> None:
    page = open_page(TARIFFS, tenant_id="")
    page.get_by_role("link", name="New version").click()
    text = page.get_by_label("Price book as TOML")
    book = text.input_value().replace('name = "standard"', 'name = "brought"')
    text.fill(book.replace('rate = "0.005"', 'rate = "-1"', 1))
    page.get_by_role("button", name="Add the version").click()
    expect(page.get_by_role("alert")).to_contain_text("tariff.models[0].meters[0].rate")
    file = FilePayload(name="own.toml", mimeType="text/plain", buffer=book.encode())
    page.get_by_label("Take the text").set_input_files(file)
    expect(text).to_have_value(re.compile('name = "brought"'))
    page.get_by_role("button", name="Add the version").click()
    expect(page.locator("main")).to_contain_text("Saved: brought, version 1")
    page.get_by_label("Tariff", exact=True).select_option("standard")
    expect(page.locator("#tariff-title")).to_contain_text("standard")


def test_an_administrator_sets_a_rate(open_page: Open, service: Service) -> None:
    page = open_page(TARIFFS, tenant_id="")
    rates = page.locator("#rates")
    rates.get_by_label("Rate", exact=True).fill("ninety")
    rates.get_by_role("button").click()
    expect(rates.get_by_label("Rate", exact=True)).to_have_attribute("aria-invalid", "true")
    rates.get_by_label("Rate", exact=True).fill("92,4567")
    rates.get_by_role("button").click()
    expect(rates).to_contain_text("92.4567")
