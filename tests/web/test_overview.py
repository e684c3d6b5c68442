"""The overview as people use it: figures, live changes, calls ended, months, keyboard, phone."""

import csv
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.integration.api.installation import fresh_id
from tests.web.conftest import DESKTOP, PHONE, Open
from tests.web.looks import findings, overflow, shoot
from tests.web.service import MONTH, TENANT, Service
from tollgate.v1 import billing_pb2 as billing

OVERVIEW = f"/console/t/{TENANT}/overview"
LOOKS = [
    ("ru", "light", "desktop", DESKTOP),
    ("en", "dark", "desktop", DESKTOP),
    ("en", "light", "phone", PHONE),
    ("ru", "dark", "phone", PHONE),
]


@pytest.fixture
def room(service: Service) -> str:
    """A tenant of the test's own, with ten dollars and a daily cap of two."""
    return service.tenant(f"t-{fresh_id()[:8]}", 10, daily_cap_micros=2_000_000)


@pytest.mark.parametrize(("language", "scheme", "name", "size"), LOOKS)
def test_it_looks_right_and_keeps_nobody_out(
    open_page: Open,
    service: Service,
    language: str,
    scheme: str,
    name: str,
    size: tuple[int, int],
) -> None:
    for number in range(3):
        service.authorize(TENANT, f"look-{number}", caller=f"+1202555014{number}")
        service.charge(TENANT, f"look-{number}", 20 + 30 * number)
    page = open_page(
        f"{OVERVIEW}?month={MONTH}", tenant_id="", language=language, scheme=scheme, size=size
    )
    expect(page.locator("#calls tbody tr")).to_have_count(3)
    page.wait_for_load_state("load")
    shoot(page, f"overview-{name}-{scheme}-{language}")
    assert not findings(page)
    assert overflow(page) == 0


@pytest.mark.parametrize(
    ("language", "figures"),
    [
        ("en", ["$57.50", "847", "3,200,000", "$0.07", "March 2026"]),
        ("ru", ["57,50\xa0$", "847", "3\xa0200\xa0000", "0,07\xa0$", "Март 2026"]),
    ],
)
def test_the_month_shows_the_products_figures(
    open_page: Open, language: str, figures: list[str]
) -> None:
    page = open_page(f"{OVERVIEW}?month={MONTH}", language=language)
    for figure in figures:
        expect(page.locator("#month")).to_contain_text(figure)
    page.locator("#month details summary").click()
    expect(page.locator("#month .as-table tbody tr")).to_have_count(20)


def test_money_that_comes_shows_without_a_reload(
    open_page: Open, service: Service, room: str
) -> None:
    page = open_page(tenant_id=room)
    expect(page.locator(".amount")).to_have_text("$10.00")
    page.evaluate("window.stayed = true")
    service.credit(room, 15)
    expect(page.locator(".amount")).to_have_text("$25.00")
    assert page.evaluate("window.stayed")


def test_a_call_ticks_and_is_ended_by_hand(open_page: Open, service: Service, room: str) -> None:
    page = open_page(f"/console/t/{room}/overview", tenant_id="")
    expect(page.locator("#calls .empty")).to_be_visible()
    service.authorize(room, "c1")
    row = page.locator("#call-c1")
    expect(row).to_contain_text("Connecting")
    service.charge(room, "c1", 60)
    expect(row).to_contain_text("1:00")
    expect(row).to_contain_text("Running")
    row.get_by_role("button").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("+12025550143")
    dialog.get_by_role("button", name="Cancel").click()
    assert service.charge(room, "c1", 61).directive == 1
    row.get_by_role("button").click()
    dialog.get_by_role("button", name="Hang up").click()
    expect(page.locator(".toast")).to_contain_text("being ended")
    expect(row).to_contain_text("Hanging up")
    assert service.charge(room, "c1", 62).directive == 4


def test_calls_that_are_simulated_come_and_tick(
    open_page: Open, service: Service, room: str
) -> None:
    with service.simulated(room):
        page = open_page(tenant_id=room)
        expect(page.locator("#calls tbody tr").first).to_be_visible()
        expect(page.locator("#calls .badge.good").first).to_be_visible()
        expect(page.locator("#calls")).not_to_contain_text("+1202")


def test_another_month_comes_by_the_arrow_and_by_the_list(open_page: Open) -> None:
    page = open_page(f"{OVERVIEW}?month={MONTH}")
    page.get_by_role("link", name="A month earlier").click()
    expect(page.locator("#month-title")).to_have_text("February 2026")
    assert page.url.endswith("month=2026-02")
    page.get_by_label("Month", exact=True).select_option("2026-03")
    expect(page.locator("#month-title")).to_have_text("March 2026")
    page.go_back()
    expect(page.locator("#month-title")).to_have_text("February 2026")


def test_the_details_of_a_month_download(open_page: Open) -> None:
    page = open_page(f"{OVERVIEW}?month={MONTH}", language="ru")
    with page.expect_download() as begun:
        page.get_by_role("link", name="Экспорт детализации").click()
    path = Path(begun.value.path())
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.reader(file, delimiter=";"))
    assert begun.value.suggested_filename == f"{TENANT}-calls-{MONTH}.csv"
    assert len(rows) == 1 + 847


def test_it_works_by_keyboard_alone(open_page: Open, service: Service, room: str) -> None:
    service.authorize(room, "c1")
    page = open_page(f"/console/t/{room}/overview", tenant_id="")
    page.keyboard.press("Tab")
    expect(page.locator(":focus")).to_have_text("Skip to content")
    page.keyboard.press("Enter")
    expect(page.locator("#content")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.locator(":focus")).to_have_text("Top up")
    page.keyboard.press("Tab")  # the table, which scrolls
    page.keyboard.press("Tab")
    button = page.get_by_role("button", name="Hang up the call of +12025550143")
    expect(button).to_be_focused()
    service.charge(room, "c1", 30)
    expect(page.locator("#call-c1")).to_contain_text("0:30")
    expect(button).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#call-c1")).to_contain_text("Hanging up")


def test_a_lowered_limit_shows_in_the_page_at_once(
    open_page: Open, service: Service, room: str
) -> None:
    service.authorize(room, "c1")
    page = open_page(tenant_id=room)
    service.charge(room, "c1", 60)
    change = billing.UpdateTenantRequest(
        request_id=fresh_id(),
        tenant=billing.Tenant(tenant_id=room, limits=billing.Limits(daily_cap_micros=0)),
    )
    change.update_mask.paths.append("limits.daily_cap_micros")
    service.ask("UpdateTenant", change)
    expect(page.locator("#call-c1")).to_contain_text("Last seconds")
