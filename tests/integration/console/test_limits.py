"""Limits and notifications in the console: saved by the services' means, felt at once, told."""

import asyncio
import time
from typing import Any

import pytest

from tests.integration.api.conftest import installation
from tests.integration.api.gateway import Gateway
from tests.integration.api.installation import ADMIN_KEY, fresh_id
from tests.integration.api.stream import stream
from tests.integration.console.browser import Browser, House, opened, token_in
from tests.integration.notifications.conftest import Post, mail, open_post, post, telegram, webhook
from tests.integration.notifications.post_office import answers
from tollgate.v1 import billing_pb2 as billing
from tollgate.v1 import call_authorization_pb2 as calls
from tollgate.v1 import notifications_pb2 as pb

__all__ = ["installation", "mail", "open_post", "post", "telegram", "webhook"]

LIMITS = "/console/t/acme/limits"
FORM = {
    "request_id": "r1",
    "language": "en",
    "events": ["1", "2", "3", "4", "5", "6"],
}


async def save(browser: Browser, **fields: Any) -> Any:
    """Sends the form; what is not given is empty."""
    token = token_in(await browser.get(LIMITS))
    data = {"token": token} | FORM | {"request_id": fresh_id()} | fields
    return await browser.web.post(LIMITS, data=data)


async def limits_of(house: House) -> billing.Limits:
    """What is set for acme."""
    reply = await house.installation.admin(billing.GetTenantRequest(tenant_id="acme"))
    found: billing.Limits = reply.tenant.limits
    return found


async def test_a_limit_lowered_in_the_console_reaches_a_running_call_within_a_second(
    house: House,
) -> None:
    browser = await house.signed_in("tenant:acme")
    await save(browser, daily_cap_micros="0.90")
    gateway = Gateway(house.installation.admin)
    async with stream(house.installation.channel, ADMIN_KEY) as session:
        await session.ask(gateway.authorization("c1"), gateway.report("c1", 30))
        began = time.monotonic()
        saved = await save(browser, daily_cap_micros="0,01")
        assert saved.status_code == 303
        assert await session.push("c1") == calls.DIRECTIVE_FINISH
        assert time.monotonic() - began < 1
        [result] = await session.ask(gateway.report("c1", 31))
        assert result.charge.directive in (calls.DIRECTIVE_FINISH, calls.DIRECTIVE_HANG_UP)
    assert (await limits_of(house)).daily_cap_micros == 10_000


async def test_every_limit_is_typed_saved_and_taken_off(house: House) -> None:
    browser = await house.signed_in("tenant:acme")
    typed = {
        "low_balance_threshold_micros": "5",
        "daily_cap_micros": "1,250.75",
        "concurrent_calls": "4",
        "calls_per_minute": "0",
        "call_cost_limit_micros": "0.000001",
        "caller_daily_limit_micros": "2,5",
        "call_length_limit_ms": "0:01",
    }
    assert (await save(browser, **typed)).status_code == 303
    assert await limits_of(house) == billing.Limits(
        low_balance_threshold_micros=5_000_000,
        daily_cap_micros=1_250_750_000,
        concurrent_calls=4,
        calls_per_minute=0,
        call_cost_limit_micros=1,
        caller_daily_limit_micros=2_500_000,
        call_length_limit_ms=1_000,
    )
    page = (await browser.get(LIMITS)).text
    for value in ("1250.75", "0.000001", "0:01"):
        assert f'value="{value}"' in page
    assert (await save(browser)).status_code == 303
    assert await limits_of(house) == billing.Limits()


async def test_what_is_not_touched_is_not_changed(house: House) -> None:
    browser = await house.signed_in("tenant:acme")
    before = await house.installation.admin(billing.GetTenantRequest(tenant_id="acme"))
    assert (await save(browser)).status_code == 303
    after = await house.installation.admin(billing.GetTenantRequest(tenant_id="acme"))
    assert after == before


@pytest.mark.parametrize(
    ("field", "typed", "words"),
    [
        ("daily_cap_micros", "-1", "Enter a number"),
        ("daily_cap_micros", "0.0000001", "Too many decimals"),
        ("daily_cap_micros", "1000001", "out of range"),
        ("concurrent_calls", "1.5", "Enter a whole number"),
        ("call_length_limit_ms", "an hour", "Enter minutes"),
        ("call_length_limit_ms", "0:00", "out of range"),
        ("emails", "buh", "not written right"),
        ("emails", "buh@example.com, BUH@example.com", "twice"),
        ("telegram_chat_id", "my chat", "number such as"),
        ("webhook_url", "http://example.com", "An address like https"),
    ],
)
async def test_what_cannot_be_is_told_at_its_field(
    house: House, field: str, typed: str, words: str
) -> None:
    browser = await house.signed_in("tenant:acme")
    sent = await save(browser, **{field: typed})
    assert sent.status_code == 422
    at = sent.text.index(f'name="{field}"')
    assert words in sent.text[at : at + 700]
    assert typed in sent.text[at : at + 200]
    assert await limits_of(house) == billing.Limits()


async def test_a_test_is_sent_by_one_channel_and_its_outcome_told_live(post: Post) -> None:
    await post.tell_acme()
    async with opened(post.installation) as house:
        browser = await house.signed_in("tenant:acme")
        messages = browser.events(f"{LIMITS}/live")
        assert "No notifications yet" in await anext(messages)
        sent = await browser.post(f"{LIMITS}/test", page=LIMITS, channel="1")
        assert sent.headers["location"] == LIMITS
        assert "Test queued" in await told(messages, "Test queued")
        await post.go()
        assert "it@example.com" in await told(messages, "Test delivered")
        assert len(post.mail.taken) == 1
        assert not post.telegram.asked + post.webhook.asked
        await messages.aclose()  # type: ignore[attr-defined]


async def test_what_is_dead_says_why_and_is_tried_anew(post: Post) -> None:
    await post.tell_acme()
    post.webhook.reply = answers(410)
    async with opened(post.installation) as house:
        browser = await house.signed_in("tenant:acme")
        await browser.post(f"{LIMITS}/test", page=LIMITS, channel="3")
        await post.go()
        page = await browser.get(LIMITS)
        assert "Not delivered" in page.text
        assert "410" in page.text
        (dead,) = (await post.admin(pb.ListNotificationsRequest(tenant_id="acme"))).notifications
        post.webhook.reply = answers(204)
        address = f"{LIMITS}/messages/{dead.notification_id}/retry"
        assert f'action="{address}"' in page.text
        await browser.post(address, page=LIMITS)
        await post.go()
        assert "Test delivered" in (await browser.get(LIMITS)).text


async def test_a_test_of_a_channel_that_is_off_is_told(house: House) -> None:
    browser = await house.signed_in("tenant:acme")
    sent = await browser.post(f"{LIMITS}/test", page=LIMITS, channel="2")
    assert sent.status_code == 409
    assert "not on" in sent.text


async def told(messages: Any, what: str) -> str:
    """The next message that holds something."""
    async with asyncio.timeout(10):
        async for message in messages:
            if what in message:
                return str(message)
    raise AssertionError(f"nothing told of {what}")
