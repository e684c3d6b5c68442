"""Limits as people set them: saved, told what is wrong, felt by running calls, tested, retried."""

import re

import pytest
from playwright.sync_api import expect

from tests.integration.api.installation import fresh_id
from tests.web.conftest import DESKTOP, PHONE, Open
from tests.web.looks import findings, overflow, shoot
from tests.web.service import Service
from tollgate.v1 import billing_pb2 as billing
from tollgate.v1 import notifications_pb2 as pb

LOOKS = [
    ("ru", "light", "desktop", DESKTOP),
    ("en", "dark", "desktop", DESKTOP),
    ("en", "light", "phone", PHONE),
    ("ru", "dark", "phone", PHONE),
]


@pytest.fixture
def room(service: Service) -> str:
    """A tenant of the test's own, with ten dollars and a daily cap of five."""
    return service.tenant(f"t-{fresh_id()[:8]}", 10, daily_cap_micros=5_000_000)


def limits_of(service: Service, room: str) -> billing.Limits:
    """What is set."""
    found: billing.Limits = service.ask(
        "GetTenant", billing.GetTenantRequest(tenant_id=room)
    ).tenant.limits
    return found


def mailed(service: Service, room: str) -> None:
    """Lets it be told by e-mail, which this installation cannot send, and by a webhook."""
    settings = pb.NotificationSettings(
        emails=["buh@example.com"], webhook_url="https://example.com/tollgate"
    )
    request = pb.UpdateNotificationSettingsRequest(
        request_id=fresh_id(), tenant_id=room, settings=settings
    )
    request.update_mask.paths.extend(["emails", "webhook_url"])
    service.ask("UpdateNotificationSettings", request)


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
        f"/console/t/{room}/limits", tenant_id=room, language=language, scheme=scheme, size=size
    )
    expect(page.locator("#messages .empty")).to_be_visible()
    assert not findings(page)
    mailed(service, room)
    request = pb.SendTestNotificationRequest(
        request_id=fresh_id(), tenant_id=room, channels=[pb.CHANNEL_EMAIL]
    )
    service.ask("SendTestNotification", request)
    page.reload()
    expect(page.locator("#messages .badge.warn")).to_be_visible()
    shoot(page, f"limits-{name}-{scheme}-{language}")
    assert not findings(page)
    assert overflow(page) == 0
    page.locator("[name=daily_cap_micros]").fill("x")
    page.locator(".save-bar button").click()
    expect(page.locator(".field.wrong")).to_have_count(1)
    shoot(page, f"limits-wrong-{name}-{scheme}-{language}")
    assert not findings(page)


def test_settings_are_saved_and_an_empty_field_is_no_limit(
    open_page: Open, service: Service, room: str
) -> None:
    page = open_page(f"/console/t/{room}/limits", tenant_id=room)
    expect(page.get_by_label("Daily maximum, USD")).to_have_value("5.00")
    page.get_by_label("Daily maximum, USD").fill("")
    page.get_by_label("Low-balance threshold").fill("12,50")
    page.get_by_label("Calls at once").fill("3")
    page.get_by_label("Length of a call").fill("1:30")
    page.get_by_label("Addresses").fill("buh@example.com, it@example.com")
    page.get_by_label("Payment credited").uncheck()
    page.get_by_label("Language of messages").select_option("ru")
    page.get_by_role("button", name="Save settings").click()
    expect(page.get_by_text("The settings are saved")).to_be_visible()
    expect(page.get_by_label("Low-balance threshold")).to_have_value("12.50")
    expect(page.get_by_label("Payment credited")).not_to_be_checked()
    limits = limits_of(service, room)
    assert not limits.HasField("daily_cap_micros")
    assert limits.low_balance_threshold_micros == 12_500_000
    assert (limits.concurrent_calls, limits.call_length_limit_ms) == (3, 90_000)


def test_what_is_wrong_is_told_at_the_field_and_stays_typed(
    open_page: Open, service: Service, room: str
) -> None:
    page = open_page(f"/console/t/{room}/limits", tenant_id=room)
    page.get_by_label("Daily maximum, USD").fill("a lot")
    page.get_by_label("Addresses").fill("buh@example.com")
    page.get_by_role("button", name="Save settings").click()
    expect(page.get_by_role("alert")).to_contain_text("look at 1 field")
    expect(page.locator(".field.wrong")).to_contain_text("Enter a number")
    expect(page.get_by_label("Addresses")).to_have_value("buh@example.com")
    page.get_by_label("Daily maximum, USD").fill("3")
    page.get_by_label("Addresses").fill("buh")
    page.get_by_role("button", name="Save settings").click()
    expect(page.locator(".field.wrong")).to_contain_text("not written right")
    page.get_by_label("Addresses").fill("buh@example.com")
    page.get_by_label("Addresses").press("Enter")
    expect(page.get_by_text("The settings are saved")).to_be_visible()
    assert limits_of(service, room).daily_cap_micros == 3_000_000


def test_a_lowered_limit_ends_running_calls(open_page: Open, service: Service, room: str) -> None:
    with service.simulated(room, lines=3):
        calls = open_page(tenant_id=room)
        expect(calls.locator("#calls tbody tr").first).to_be_visible()
        page = calls.context.new_page()
        page.goto(f"/console/t/{room}/limits")
        page.get_by_label("Daily maximum, USD").fill("0")
        page.get_by_role("button", name="Save settings").click()
        expect(page.get_by_text("The settings are saved")).to_be_visible()
        expect(calls.locator("#calls .empty")).to_be_visible()
        expect(calls.locator(".hero")).to_contain_text("of $0.00 a day", use_inner_text=True)


def test_a_test_is_sent_and_its_outcome_shown(open_page: Open, service: Service, room: str) -> None:
    page = open_page(f"/console/t/{room}/limits", tenant_id=room)
    expect(page.get_by_role("button", name="Send a test")).to_have_count(0)
    page.get_by_label("Addresses").fill("buh@example.com")
    page.get_by_role("button", name="Save settings").click()
    page.get_by_role("button", name="Send a test E-mail").click()
    expect(page.locator(".toast")).to_contain_text("on its way")
    expect(page.locator("#tested-1")).to_contain_text("Did not arrive, trying again")
    expect(page.locator("#tested-1")).to_contain_text("TOLLGATE_SMTP_URL")
    expect(page.locator("#messages tbody tr")).to_have_count(1)


def test_the_secret_of_a_webhook_is_shown_once(open_page: Open, room: str) -> None:
    page = open_page(f"/console/t/{room}/limits", tenant_id=room)
    page.locator("[name=webhook_url]").fill("https://example.com/tollgate")
    page.get_by_role("button", name="Save settings").click()
    expect(page.locator(".secret code")).to_have_text(re.compile("^whsec_"))
    first = page.locator(".secret code").inner_text()
    page.goto(f"/console/t/{room}/limits")
    expect(page.locator(".secret")).to_have_count(0)
    page.get_by_role("button", name="New secret").click()
    expect(page.locator(".secret code")).to_have_text(re.compile("^whsec_"))
    assert page.locator(".secret code").inner_text() != first
    page.get_by_role("link", name="To the limits").click()
    expect(page.locator("[name=webhook_url]")).to_have_value("https://example.com/tollgate")


def test_it_works_by_keyboard_alone(open_page: Open, service: Service, room: str) -> None:
    page = open_page(f"/console/t/{room}/limits", tenant_id=room)
    page.get_by_label("Low-balance threshold").focus()
    page.keyboard.type("2")
    page.keyboard.press("Tab")
    expect(page.get_by_label("Daily maximum, USD")).to_be_focused()
    page.keyboard.press("Control+A")
    page.keyboard.type("7,5")
    page.keyboard.press("Enter")
    expect(page.get_by_text("The settings are saved")).to_be_visible()
    assert limits_of(service, room).daily_cap_micros == 7_500_000
