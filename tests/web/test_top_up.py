"""Topping up as people do it: choose, pay by hand, see the money come, note it, pay it back."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.integration.api.installation import fresh_id
from tests.web.conftest import DESKTOP, PHONE, Open
from tests.web.looks import findings, overflow, shoot
from tests.web.service import Service
from tollgate.v1 import payments_pb2 as pb

LOOKS = [
    ("ru", "light", "desktop", DESKTOP),
    ("en", "dark", "desktop", DESKTOP),
    ("en", "light", "phone", PHONE),
    ("ru", "dark", "phone", PHONE),
]


@pytest.fixture
def room(service: Service) -> str:
    """A tenant of the test's own, with ten dollars."""
    return service.tenant(f"t-{fresh_id()[:8]}", 10)


def top_ups(service: Service, room: str) -> list[pb.TopUp]:
    """What the tenant has begun."""
    return list(service.ask("ListTopUps", pb.ListTopUpsRequest(tenant_id=room)).top_ups)


def begun(service: Service, room: str, dollars: int) -> pb.TopUp:
    """A manual top-up that was begun elsewhere."""
    request = pb.CreateTopUpRequest(
        request_id=fresh_id(), tenant_id=room, credit_amount_micros=dollars * 1_000_000
    )
    made: pb.TopUp = service.ask("CreateTopUp", request).top_up
    return made


def confirmed(service: Service, top_up: pb.TopUp) -> None:
    """Confirms it elsewhere."""
    request = pb.ConfirmTopUpRequest(
        request_id=fresh_id(),
        tenant_id=top_up.tenant_id,
        top_up_id=top_up.top_up_id,
        note="order 17",
    )
    service.ask("ConfirmTopUp", request)


def chosen(page: Page, amount: str) -> None:
    """Clicks a quick choice."""
    page.locator(".chip", has_text=re.compile(f"^{re.escape(amount)}$")).click()


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
    page = open_page(
        f"/console/t/{room}/top-up", tenant_id="", language=language, scheme=scheme, size=size
    )
    expect(page.locator("main .empty")).to_be_visible()
    assert not findings(page)
    for dollars in (10, 25, 100):
        top_up = begun(service, room, dollars)
    confirmed(service, top_up)
    page.reload()
    expect(page.locator("tbody tr")).to_have_count(3)
    shoot(page, f"top-up-{name}-{scheme}-{language}")
    assert not findings(page)
    assert overflow(page) == 0
    for row in (0, 1):
        page.locator("tbody a").nth(row).click()
        expect(page.locator("#desk form")).to_be_visible()
        shoot(page, f"top-up-one-{row}-{name}-{scheme}-{language}")
        assert not findings(page)
        assert overflow(page) == 0
        page.go_back()


def test_a_person_tops_up_and_sees_the_money_come(
    open_page: Open, service: Service, room: str
) -> None:
    page = open_page(tenant_id=room)
    page.get_by_role("link", name="Top up").last.click()
    chosen(page, "$50")
    expect(page.locator("#quote .amount")).to_have_text("$50.00")
    page.get_by_role("button", name="Create the top-up").click()
    expect(page.locator("#state h2")).to_have_text("Waiting for the payment")
    page.evaluate("window.stayed = true")
    [top_up] = top_ups(service, room)
    assert top_up.credit_amount_micros == 50_000_000
    confirmed(service, top_up)
    expect(page.locator("#state h2")).to_have_text("Paid")
    expect(page.locator("#state")).to_contain_text("$60.00")
    assert page.evaluate("window.stayed")
    assert not page.locator("#desk form").count()


def test_an_amount_of_ones_own_is_checked_where_it_is_typed(open_page: Open, room: str) -> None:
    page = open_page(f"/console/t/{room}/top-up", tenant_id=room)
    expect(page.get_by_label("Your amount")).to_be_hidden()
    chosen(page, "Other")
    own = page.get_by_label("Your amount")
    own.fill("0,50")
    expect(page.locator("#amount-note")).to_contain_text("From $1.00 to $10,000.00 at once")
    expect(page.locator("#amount-note .problem")).to_be_visible()
    own.fill("12,50")
    expect(page.locator("#quote .amount")).to_have_text("$12.50")
    expect(page.locator("#amount-note .problem")).to_have_count(0)
    expect(own).to_be_focused()
    own.fill("abc")
    expect(page.locator("#amount-note")).to_contain_text("Enter a number")
    page.get_by_role("button", name="Create the top-up").click()
    expect(page.locator("#amount-note")).to_contain_text("Enter a number")
    expect(page.get_by_label("Your amount")).to_have_value("abc")


def test_a_double_click_begins_one_top_up(open_page: Open, service: Service, room: str) -> None:
    page = open_page(f"/console/t/{room}/top-up", tenant_id=room)
    page.get_by_role("button", name="Create the top-up").dblclick()
    expect(page.locator("#state h2")).to_have_text("Waiting for the payment")
    assert len(top_ups(service, room)) == 1


def test_a_top_up_confirmed_elsewhere_raises_the_balance_of_the_open_overview(
    open_page: Open, service: Service, room: str
) -> None:
    page = open_page(tenant_id=room)
    expect(page.locator(".amount")).to_have_text("$10.00")
    page.evaluate("window.stayed = true")
    confirmed(service, begun(service, room, 25))
    expect(page.locator(".amount")).to_have_text("$35.00")
    assert page.evaluate("window.stayed")


def test_an_administrator_confirms_and_notes_a_refund(
    open_page: Open, service: Service, room: str
) -> None:
    top_up = begun(service, room, 25)
    page = open_page(f"/console/t/{room}/top-up/{top_up.top_up_id}", tenant_id="")
    page.get_by_label("Proof").fill("order 17")
    page.get_by_role("button", name="The money has come").click()
    expect(page.locator("#state h2")).to_have_text("Paid")
    expect(page.locator(".balance-now")).to_have_text("$35.00")
    page.get_by_label("Amount paid back").fill("99")
    page.get_by_label("Why").fill("sent twice")
    page.get_by_role("button", name="Note the refund").click()
    expect(page.get_by_role("alert")).to_contain_text("not possible now")
    page.get_by_label("Amount paid back").fill("5.50")
    page.get_by_label("Why").fill("sent twice")
    page.get_by_role("button", name="Note the refund").click()
    expect(page.locator("#state")).to_contain_text("$5.50 of it was refunded")
    expect(page.locator(".balance-now")).to_have_text("$29.50")


def test_it_works_by_keyboard_alone(open_page: Open, service: Service, room: str) -> None:
    page = open_page(f"/console/t/{room}/top-up", tenant_id=room)
    page.get_by_role("radio", name="$25").focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator("#quote .amount")).to_have_text("$50.00")
    page.keyboard.press("Tab")  # the way to pay
    page.keyboard.press("Tab")  # the organisation
    expect(page.get_by_label("Organisation for the invoice")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Add an organisation")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Create the top-up")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#state h2")).to_have_text("Waiting for the payment")
    assert top_ups(service, room)[0].credit_amount_micros == 50_000_000
