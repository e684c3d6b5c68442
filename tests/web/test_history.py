"""The history as people use it: the month to the cent, a charge down to its calls, filters, CSV."""

import csv
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.integration.api.installation import fresh_id
from tests.web.conftest import DESKTOP, PHONE, Open
from tests.web.looks import findings, overflow, shoot
from tests.web.service import TENANT, Service
from tollgate.v1 import payments_pb2 as payments

HISTORY = f"/console/t/{TENANT}/history"
PRODUCT_ROWS = [
    ("7", "1 Mar 2026", "Top-up (Stripe)", "+$100.00"),
    ("8", "10 Mar 2026", "Charge (analytics)", "−$0.50"),
    ("9", "12 Mar 2026", "Charge (calls)", "−$2.85"),
    ("10", "13 Mar 2026", "Charge (calls)", "−$4.10"),
    ("11", "14 Mar 2026", "Charge (calls)", "−$3.25"),
    ("12", "15 Mar 2026", "Top-up (Stripe)", "+$50.00"),
]
LOOKS = [
    ("ru", "light", "desktop", DESKTOP),
    ("en", "dark", "desktop", DESKTOP),
    ("en", "light", "phone", PHONE),
    ("ru", "dark", "phone", PHONE),
]


@pytest.fixture(autouse=True)
def rate(service: Service) -> None:
    """A dollar costs 92.50 roubles since long ago."""
    asked = payments.ExchangeRate(
        base_currency="USD", quote_currency="RUB", rate="92.5", day="2026-01-01"
    )
    request = payments.SetExchangeRateRequest(request_id="web-rate", exchange_rate=asked)
    service.ask("SetExchangeRate", request)


def rows_of(page: Page) -> list[tuple[str, ...]]:
    """Number, day, description and amount of each row that is shown."""
    rows = page.locator("#transactions tbody tr:not(.opened)").all()
    return [
        (
            row.locator(".serial").inner_text(),
            row.locator(".day").inner_text(),
            row.locator(".description > span").inner_text(),
            row.locator(".sum").inner_text().split("\n")[0],
        )
        for row in rows
    ]


def test_the_seeded_month_shows_the_products_rows(open_page: Open) -> None:
    page = open_page(f"{HISTORY}?first=2026-03-01&last=2026-03-15")
    assert rows_of(page) == PRODUCT_ROWS[::-1]
    expect(page.locator("#row-7 .sum")).to_contain_text("≈ 9,250\xa0₽")
    expect(page.locator("#row-8 .sum")).to_contain_text("≈ 46.25\xa0₽")
    expect(page.locator(".table-head")).to_contain_text("92.50\xa0₽ for $1")


@pytest.mark.parametrize(("language", "scheme", "name", "size"), LOOKS)
def test_it_looks_right_and_keeps_nobody_out(
    open_page: Open, language: str, scheme: str, name: str, size: tuple[int, int]
) -> None:
    path = f"{HISTORY}?first=2026-03-01&last=2026-03-15"
    page = open_page(path, language=language, scheme=scheme, size=size)
    page.locator("#row-9 .opener").click()
    call = page.locator("#opened-9 .opener").first
    call.click()
    expect(page.locator("#opened-9 .call-sheet")).to_be_visible()
    shoot(page, f"history-{name}-{scheme}-{language}")
    assert not findings(page)
    assert overflow(page) == 0


def test_a_charge_opens_to_its_calls_and_a_call_to_its_cost(open_page: Open) -> None:
    page = open_page(HISTORY)
    page.evaluate("window.stayed = true")
    opener = page.locator("#row-9 .opener")
    opener.click()
    opened = page.locator("#opened-9")
    expect(opened.locator("tbody tr:not(.opened)")).to_have_count(10)
    opened.get_by_role("link", name="Forward").click()
    expect(opened.get_by_role("link", name="Back")).to_be_visible()
    opened.locator("tbody .opener").first.click()
    expect(opened.locator(".call-sheet")).to_contain_text("Audio out")
    expect(opened.locator(".call-sheet")).to_contain_text("standard@1")
    opener.click()
    expect(opened).to_be_hidden()
    opener.click()
    expect(opened.locator(".call-sheet")).to_be_visible()
    assert page.evaluate("window.stayed")


def test_filters_choose_and_the_address_keeps_them(open_page: Open) -> None:
    page = open_page(HISTORY)
    page.get_by_label("Type").select_option("Top-ups")
    expect(page.locator("#transactions tbody tr")).to_have_count(4)
    page.get_by_label("From").fill("2026-03-02")
    expect(page.locator("#transactions tbody tr")).to_have_count(1)
    page.reload()
    expect(page.locator("#transactions tbody tr")).to_have_count(1)
    expect(page.get_by_label("Type")).to_have_value("top-up")
    page.get_by_label("Status").select_option("Failed")
    expect(page.locator("#transactions")).to_contain_text("Nothing matches")
    page.get_by_role("link", name="Reset filters").click()
    expect(page.locator("#transactions tbody tr:not(.opened)")).to_have_count(25)


def test_one_turns_pages_forward_and_back(open_page: Open) -> None:
    page = open_page(HISTORY)
    first = rows_of(page)
    page.get_by_role("link", name="Forward").click()
    expect(page.locator("#row-1")).to_be_visible()
    assert [row[0] for row in rows_of(page)] == [
        str(n) for n in range(int(first[-1][0]) - 1, 0, -1)
    ]
    page.get_by_role("link", name="Back").click()
    expect(page.locator("#row-1")).to_have_count(0)
    assert rows_of(page) == first


def test_the_export_has_the_pages_filters_and_the_chosen_form(open_page: Open) -> None:
    page = open_page(f"{HISTORY}?first=2026-03-01&last=2026-03-15&type=calls")
    page.get_by_text("Export to CSV").click()
    page.get_by_label("1234,50").check()
    with page.expect_download() as begun:
        page.get_by_role("button", name="Download").click()
    content = Path(begun.value.path()).read_bytes()
    assert content.startswith(b"\xef\xbb\xbf")
    rows = list(csv.reader(content.decode("utf-8-sig").splitlines(), delimiter=";"))
    assert [row[4] for row in rows[1:]] == ["-2,85", "-4,10", "-3,25"]


def test_refused_calls_tell_why(open_page: Open, service: Service) -> None:
    room = service.tenant(f"t-{fresh_id()[:8]}", 10, daily_cap_micros=0)
    for number in range(3):
        service.authorize(room, f"refused-{number}")
    path = f"/console/t/{room}/history"
    page = open_page(path, tenant_id=room)
    page.get_by_role("link", name="Refused calls").click()
    last = page.locator("main table tbody tr")
    for _ in range(20):  # they are written every two seconds
        if last.count() == 3:
            break
        page.wait_for_timeout(250)
        page.reload()
    expect(last).to_have_count(3)
    expect(last.first).to_contain_text("Daily cap reached")
    expect(last.first).not_to_contain_text("+12025550143")
    shoot(page, "refusals-desktop-light-en")
    assert not findings(page)


def test_it_works_by_keyboard_alone(open_page: Open) -> None:
    page = open_page(f"{HISTORY}?first=2026-03-12&last=2026-03-12")
    page.get_by_label("Status").focus()
    opener = page.locator("#row-9 .opener")
    for _ in range(4):
        page.keyboard.press("Tab")
        if opener.evaluate("each => each === document.activeElement"):
            break
    expect(opener).to_be_focused()
    page.keyboard.press("Enter")
    expect(opener).to_have_attribute("aria-expanded", "true")
    page.locator("#opened-9 tbody .opener").first.wait_for()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#opened-9 .call-sheet")).to_be_visible()


def test_it_works_without_scripts(open_page: Open) -> None:
    page = open_page(HISTORY, scripts=False)
    page.get_by_role("link", name="Forward").click()
    page.locator("#row-5 .opener").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Calls of charge no. 5")
    page.locator("tbody .opener").first.click()
    expect(page.locator(".call-sheet")).to_contain_text("Output tokens")
