"""Settings: what can be set, what is refused with the field named, and secrets shown once."""

import asyncio
from typing import Any

import grpc
import pytest

from tests.integration.api.client import Told
from tests.integration.api.conftest import Install
from tests.integration.api.installation import Installation, fresh_id
from tests.integration.notifications.asking import listed, send_test, update
from tollgate.v1 import history_pb2
from tollgate.v1 import notifications_pb2 as pb

Code = grpc.StatusCode


@pytest.fixture
async def acme(installation: Installation) -> Installation:
    await installation.tenant("acme")
    return installation


async def settings_of(installation: Installation, tenant_id: str = "acme") -> Any:
    request = pb.GetNotificationSettingsRequest(tenant_id=tenant_id)
    return await installation.admin(request)


async def test_a_tenant_that_said_nothing_is_told_nothing(acme: Installation) -> None:
    found = await settings_of(acme)
    assert not found.settings.emails
    assert not found.settings.telegram_enabled
    assert len(found.settings.events) == 6
    assert await acme.admin.told(
        pb.SendTestNotificationRequest(request_id="t", tenant_id="acme")
    ) == Told(Code.FAILED_PRECONDITION, "NO_CHANNEL")


async def test_every_setting_can_be_set_and_the_mask_bounds_the_change(acme: Installation) -> None:
    events = [pb.EVENT_KIND_PAYMENT_FAILED, pb.EVENT_KIND_LOW_BALANCE]
    await acme.admin(
        update(
            emails=["a@example.com", "b@example.com"],
            telegram_enabled=True,
            telegram_chat_id="-1001234567890",
            webhook_url="https://example.com/hook?key=1",
            language=history_pb2.LANGUAGE_RUSSIAN,
            events=events,
        )
    )
    await acme.admin(update(emails=["c@example.com"]))
    found = (await settings_of(acme)).settings
    assert list(found.emails) == ["c@example.com"]
    assert found.telegram_enabled
    assert found.telegram_chat_id == "-1001234567890"
    assert found.webhook_url == "https://example.com/hook?key=1"
    assert found.language == history_pb2.LANGUAGE_RUSSIAN
    assert set(found.events) == set(events)
    await acme.admin(update("emails", "events", "webhook_url", telegram_enabled=False))
    found = (await settings_of(acme)).settings
    assert not found.emails
    assert not found.events
    assert not found.webhook_url


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"emails": ["not an address"]}, "settings.emails[0]"),
        (
            {"emails": ["a@example.com", "b@example.com\r\nBcc: c@example.com"]},
            "settings.emails[1]",
        ),
        ({"emails": ["a@example.com\0"]}, "settings.emails[0]"),
        ({"emails": ["a@example.com", "A@example.com"]}, "settings.emails"),
        ({"emails": [f"a{n}@example.com" for n in range(11)]}, "settings.emails"),
        ({"telegram_enabled": True}, "settings.telegram_chat_id"),
        ({"telegram_chat_id": "me"}, "settings.telegram_chat_id"),
        ({"telegram_chat_id": "1/../x"}, "settings.telegram_chat_id"),
        ({"webhook_url": "example.com"}, "settings.webhook_url"),
        ({"webhook_url": "http://example.com/"}, "settings.webhook_url"),
        ({"webhook_url": "https://user:secret@example.com/"}, "settings.webhook_url"),
        ({"webhook_url": "https://example.com:0/"}, "settings.webhook_url"),
        ({"webhook_url": "https://example.com:99999/"}, "settings.webhook_url"),
        ({"webhook_url": "https://[::1"}, "settings.webhook_url"),
        ({"webhook_url": "https://example.com/\r\nX: y"}, "settings.webhook_url"),
        ({"webhook_url": "file:///etc/passwd"}, "settings.webhook_url"),
        ({"events": [pb.EVENT_KIND_TEST]}, "settings.events"),
        ({"language": 9}, "settings.language"),
        ({}, "update_mask"),
    ],
)
async def test_what_cannot_be_is_refused_with_the_field_named(
    acme: Installation, fields: dict[str, Any], field: str
) -> None:
    told = await acme.admin.told(update(**fields))
    assert (told.code, told.field) == (Code.INVALID_ARGUMENT, field)
    assert (await settings_of(acme)).settings == (await settings_of(acme)).settings
    assert not (await settings_of(acme)).settings.emails


async def test_the_first_webhook_makes_a_secret_that_is_shown_once(acme: Installation) -> None:
    request = update(webhook_url="https://example.com/", request_id="one")
    first = await acme.admin(request)
    assert first.webhook_secret.startswith("whsec_")
    assert (await acme.admin(request)).webhook_secret == ""
    again = await acme.admin(update(webhook_url="https://example.com/other"))
    assert again.webhook_secret == ""
    assert first.webhook_secret not in str(await settings_of(acme))
    kept = await acme.ledger("SELECT string_agg(response::text, '') FROM requests")
    assert first.webhook_secret not in kept


async def test_a_rotated_secret_signs_beside_the_old_one_for_a_day(acme: Installation) -> None:
    made = await acme.admin(update(webhook_url="https://example.com/"))
    request = pb.RotateWebhookSecretRequest(request_id="rotate", tenant_id="acme")
    rotated = await acme.admin(request)
    assert rotated.webhook_secret not in ("", made.webhook_secret)
    repeated = await acme.admin(request)
    assert repeated.webhook_secret == ""
    assert repeated.old_secret_until == rotated.old_secret_until
    kept = "SELECT webhook_secret || ' ' || old_webhook_secret FROM notification_settings"
    assert await acme.ledger(kept) == f"{rotated.webhook_secret} {made.webhook_secret}"


async def test_a_repeat_changes_nothing_and_other_content_is_refused(acme: Installation) -> None:
    await acme.admin(update(emails=["a@example.com"], request_id="r"))
    await acme.admin(update(emails=["b@example.com"]))
    assert list(
        (await acme.admin(update(emails=["a@example.com"], request_id="r"))).settings.emails
    )
    assert list((await settings_of(acme)).settings.emails) == ["b@example.com"]
    reused = await acme.admin.told(update(emails=["c@example.com"], request_id="r"))
    assert reused == Told(Code.ALREADY_EXISTS, "KEY_REUSED")


async def test_an_unknown_tenant_has_no_settings(installation: Installation) -> None:
    unknown = Told(Code.NOT_FOUND, "UNKNOWN_TENANT")
    for request in (
        pb.GetNotificationSettingsRequest(tenant_id="nobody"),
        update(emails=["a@example.com"], tenant_id="nobody"),
        pb.RotateWebhookSecretRequest(request_id="r", tenant_id="nobody"),
        pb.SendTestNotificationRequest(request_id="t", tenant_id="nobody"),
    ):
        assert await installation.admin.told(request) == unknown


async def test_what_is_not_set_up_is_told_with_the_setting_that_is_missing(
    install: Install,
) -> None:
    async with install() as installation:
        await installation.tenant("acme")
        channels = {each.channel: each for each in (await settings_of(installation)).channels}
        assert not channels[pb.CHANNEL_EMAIL].ready
        assert "TOLLGATE_SMTP_URL" in channels[pb.CHANNEL_EMAIL].why
        assert "TOLLGATE_TELEGRAM_BOT_TOKEN" in channels[pb.CHANNEL_TELEGRAM].why
        assert channels[pb.CHANNEL_WEBHOOK].ready


async def test_a_test_is_queued_once_for_every_receiver(acme: Installation) -> None:
    await acme.admin(
        update(
            emails=["a@example.com", "b@example.com"],
            telegram_enabled=True,
            telegram_chat_id="7",
            webhook_url="https://example.com/",
        )
    )
    request = pb.SendTestNotificationRequest(request_id="t", tenant_id="acme")
    queued = (await acme.admin(request)).notifications
    assert queued == (await acme.admin(request)).notifications
    assert {each.receiver for each in queued} == {
        "a@example.com",
        "b@example.com",
        "7",
        "https://example.com/",
    }
    assert len({each.event_id for each in queued}) == 1
    assert {each.state for each in queued} == {pb.NOTIFICATION_STATE_QUEUED}
    assert list(await listed(acme.admin)) == list(reversed(queued))


async def test_a_test_of_one_channel_reaches_no_other(acme: Installation) -> None:
    await acme.admin(update(emails=["a@example.com"], webhook_url="https://example.com/"))
    request = pb.SendTestNotificationRequest(
        request_id="t", tenant_id="acme", channels=[pb.CHANNEL_WEBHOOK]
    )
    queued = (await acme.admin(request)).notifications
    assert [each.receiver for each in queued] == ["https://example.com/"]
    assert queued == (await acme.admin(request)).notifications
    assert list(await listed(acme.admin)) == list(queued)
    request.channels[:] = [pb.CHANNEL_EMAIL]
    assert await acme.admin.told(request) == Told(Code.ALREADY_EXISTS, "KEY_REUSED")


async def test_a_test_of_a_channel_that_is_off_is_told(acme: Installation) -> None:
    await acme.admin(update(emails=["a@example.com"]))
    request = pb.SendTestNotificationRequest(
        request_id="t", tenant_id="acme", channels=[pb.CHANNEL_TELEGRAM]
    )
    assert await acme.admin.told(request) == Told(Code.FAILED_PRECONDITION, "NO_CHANNEL")
    request.channels[:] = [99]  # type: ignore[list-item]
    assert await acme.admin.told(request) == Told(Code.INVALID_ARGUMENT, "INVALID", "channels")
    assert not await listed(acme.admin)


async def test_an_hour_takes_ten_tests(acme: Installation) -> None:
    await acme.admin(update(emails=["a@example.com"]))
    for _ in range(10):
        await send_test(acme.admin)
    refused = await acme.admin.told(
        pb.SendTestNotificationRequest(request_id=fresh_id(), tenant_id="acme")
    )
    assert refused == Told(Code.RESOURCE_EXHAUSTED, "OVERLOADED")
    assert len(await listed(acme.admin)) == 10


async def test_tests_that_are_asked_for_at_the_same_time_are_no_more_than_ten(
    acme: Installation,
) -> None:
    await acme.admin(update(emails=["a@example.com"]))
    asked = await asyncio.gather(
        *(send_test(acme.admin) for _ in range(40)), return_exceptions=True
    )
    assert sum(not isinstance(each, BaseException) for each in asked) == 10
    assert len(await listed(acme.admin)) == 10


async def test_notifications_are_paged_and_filtered_by_state(acme: Installation) -> None:
    await acme.admin(update(emails=[f"a{n}@example.com" for n in range(5)]))
    queued = await send_test(acme.admin)
    seen, request = [], pb.ListNotificationsRequest(tenant_id="acme", page_size=2)
    while True:
        page = await acme.admin(request)
        seen += page.notifications
        request.page_token = page.next_page_token
        if not page.next_page_token:
            break
    assert seen == list(reversed(queued))
    assert not await listed(acme.admin, pb.NOTIFICATION_STATE_DEAD)
    assert len(await listed(acme.admin, pb.NOTIFICATION_STATE_QUEUED)) == 5
    wrong = await acme.admin.told(
        pb.ListNotificationsRequest(tenant_id="acme", states=[pb.NOTIFICATION_STATE_UNSPECIFIED])
    )
    assert wrong.field == "states"


async def test_only_a_dead_notification_is_tried_anew(acme: Installation) -> None:
    await acme.admin(update(emails=["a@example.com"]))
    (queued,) = await send_test(acme.admin)

    def retry(notification_id: str) -> pb.RetryNotificationRequest:
        return pb.RetryNotificationRequest(
            request_id=fresh_id(), tenant_id="acme", notification_id=notification_id
        )

    told = await acme.admin.told(retry(queued.notification_id))
    assert told == Told(Code.FAILED_PRECONDITION, "WRONG_STATE")
    assert await acme.admin.told(retry("ntf_0")) == Told(Code.NOT_FOUND, "UNKNOWN_NOTIFICATION")
    await acme.ledger("UPDATE notifications SET state = 'dead', attempts = 9, why = 'away'")
    again = (await acme.admin(retry(queued.notification_id))).notification
    assert again.state == pb.NOTIFICATION_STATE_QUEUED
    assert (again.attempts, again.why) == (0, "")
