"""One attempt by each channel, on real servers: what arrives, and what each answer makes of it."""

from email.message import EmailMessage
from typing import Any

import pytest

from server.notifications.signature import HEADER, sign
from tests.integration.api.installation import fresh_id
from tests.integration.notifications.asking import listed, send_test, update
from tests.integration.notifications.conftest import BOT, CHAT, Opened, Post
from tests.integration.notifications.post_office import answers, telegram_says, telegram_takes
from tollgate.v1 import history_pb2
from tollgate.v1 import notifications_pb2 as pb

SENT, RETRYING, DEAD = (
    pb.NOTIFICATION_STATE_SENT,
    pb.NOTIFICATION_STATE_RETRYING,
    pb.NOTIFICATION_STATE_DEAD,
)


async def only(post: Post) -> pb.Notification:
    (found,) = await listed(post.admin)
    return found


def text_of(mail: EmailMessage) -> str:
    part = mail.get_body(("plain",))
    assert part is not None
    return str(part.get_content())


async def test_a_test_arrives_by_every_channel_once_under_the_events_id(post: Post) -> None:
    secret = await post.tell_acme()
    queued = await send_test(post.admin)
    await post.go()
    await post.go()
    assert [each.state for each in await listed(post.admin)] == [SENT] * 3
    event_id = queued[0].event_id

    (mail,) = post.mail.taken
    assert post.mail.receivers == [mail["To"]] == ["it@example.com"]
    assert mail["From"] == "Tollgate <billing@tollgate.example>"
    assert mail["Message-ID"] == f"<{event_id}@tollgate.example>"
    assert mail["Tollgate-Event-Id"] == event_id
    assert mail["Subject"] == "A test of your notifications"
    assert "notifications for Acme get through" in text_of(mail)

    (message,) = post.telegram.asked
    assert message.path == f"/bot{BOT}/sendMessage"
    assert message.json["chat_id"] == CHAT
    assert message.json["text"].startswith("A test of your notifications\n\n")

    (posted,) = post.webhook.asked
    assert posted.path == "/hook"
    assert posted.headers["host"] == post.webhook.url.removeprefix("http://")
    assert posted.headers["tollgate-event-id"] == posted.json["id"] == event_id
    assert (posted.json["type"], posted.json["tenant_id"]) == ("test", "acme")
    signed_at = int(post.clock.now.timestamp())
    assert posted.headers[HEADER.lower()] == sign([secret], signed_at, posted.body)


async def test_a_russian_tenant_reads_russian(post: Post) -> None:
    await post.tell_acme(emails=["it@example.com"], language=history_pb2.LANGUAGE_RUSSIAN)
    await send_test(post.admin)
    await post.go()
    (mail,) = post.mail.taken
    assert mail["Subject"] == "Проверка уведомлений"
    assert "уведомления для «Acme» доходят" in text_of(mail)


async def test_an_address_that_is_refused_is_dead_at_once_and_keeps_no_other(post: Post) -> None:
    await post.tell_acme(emails=["gone@example.com", "it@example.com"])
    post.mail.refused = {"gone@example.com"}
    await send_test(post.admin)
    await post.go()
    states = {each.receiver: each for each in await listed(post.admin)}
    assert states["it@example.com"].state == SENT
    assert states["gone@example.com"].state == DEAD
    assert states["gone@example.com"].why == "the mail server answered 550 5.1.1 no such user"


@pytest.mark.parametrize(
    ("answer", "state"), [("451 4.3.0 later", RETRYING), ("554 5.7.1 spam", DEAD)]
)
async def test_a_mail_server_may_say_later_or_never(
    post: Post, answer: str, state: pb.NotificationState.ValueType
) -> None:
    await post.tell_acme(emails=["it@example.com"])
    post.mail.answer = answer
    await send_test(post.admin)
    await post.go()
    found = await only(post)
    assert (found.state, found.attempts) == (state, 1)
    assert answer in found.why


async def test_telegrams_wait_is_obeyed_to_the_second(post: Post) -> None:
    await post.tell_acme(telegram_enabled=True, telegram_chat_id=CHAT)
    post.telegram.reply = telegram_says(429, "Too Many Requests", retry_after=90)
    await send_test(post.admin)
    await post.go()
    assert (await only(post)).state == RETRYING
    post.telegram.reply = telegram_takes
    post.clock.pass_by(seconds=89)
    await post.go()
    assert len(post.telegram.asked) == 1
    post.clock.pass_by(seconds=1)
    await post.go()
    assert (await only(post)).state == SENT


async def test_a_chat_that_blocked_the_bot_is_switched_off_and_says_why(post: Post) -> None:
    await post.tell_acme(telegram_enabled=True, telegram_chat_id=CHAT)
    post.telegram.reply = telegram_says(403, "Forbidden: bot was blocked by the user")
    await send_test(post.admin)
    await post.go()
    assert (await only(post)).state == DEAD
    read = pb.GetNotificationSettingsRequest(tenant_id="acme")
    settings = (await post.admin(read)).settings
    assert not settings.telegram_enabled
    assert "bot was blocked by the user" in settings.telegram_error
    again = (await post.admin(update(telegram_enabled=True))).settings
    assert again.telegram_error == ""


async def test_a_chat_that_moved_is_followed(post: Post) -> None:
    await post.tell_acme(telegram_enabled=True, telegram_chat_id="-55")
    post.telegram.reply = telegram_says(400, "upgraded", migrate_to_chat_id=-100777)
    await send_test(post.admin)
    await post.go()
    post.telegram.reply = telegram_takes
    await post.go_for(minutes=1)
    assert post.telegram.asked[-1].json["chat_id"] == "-100777"
    found = await only(post)
    assert (found.state, found.receiver) == (SENT, "-100777")
    read = pb.GetNotificationSettingsRequest(tenant_id="acme")
    assert (await post.admin(read)).settings.telegram_chat_id == "-100777"


@pytest.mark.parametrize(
    ("status", "description", "state"),
    [
        (400, "Bad Request: chat not found", DEAD),
        (401, "Unauthorized", RETRYING),
        (500, "Internal Server Error", RETRYING),
    ],
)
async def test_what_telegram_answers_decides_whether_it_is_tried_again(
    post: Post, status: int, description: str, state: pb.NotificationState.ValueType
) -> None:
    await post.tell_acme(telegram_enabled=True, telegram_chat_id=CHAT)
    post.telegram.reply = telegram_says(status, description)
    await send_test(post.admin)
    await post.go()
    found = await only(post)
    assert found.state == state
    assert BOT not in found.why


async def test_a_chat_gets_a_message_a_second(post: Post) -> None:
    await post.tell_acme(telegram_enabled=True, telegram_chat_id=CHAT)
    for _ in range(4):
        await send_test(post.admin)
    await post.go()
    assert len(post.telegram.asked) == 1
    await post.go_for(seconds=3)
    assert len(post.telegram.asked) == 4
    assert {each.attempts for each in await listed(post.admin)} == {1}


@pytest.mark.parametrize(
    ("status", "state"),
    [(200, SENT), (302, RETRYING), (404, RETRYING), (500, RETRYING), (410, DEAD)],
)
async def test_what_a_webhook_answers_decides_whether_it_is_tried_again(
    post: Post, status: int, state: pb.NotificationState.ValueType
) -> None:
    await post.tell_acme(webhook_url=f"{post.webhook.url}/hook")
    post.webhook.reply = answers(status, location=f"{post.telegram.url}/inside")
    await send_test(post.admin)
    await post.go()
    assert (await only(post)).state == state
    assert len(post.webhook.asked) == 1
    assert not post.telegram.asked  # redirects are not followed


async def test_a_rotated_secret_and_the_old_one_both_sign(post: Post) -> None:
    old = await post.tell_acme(webhook_url=f"{post.webhook.url}/hook")
    rotate = pb.RotateWebhookSecretRequest(request_id=fresh_id(), tenant_id="acme")
    new = (await post.admin(rotate)).webhook_secret
    for hours, secrets in ((0, [new, old]), (25, [new])):
        post.clock.pass_by(hours=hours)
        await send_test(post.admin)
        await post.go()
        posted = post.webhook.asked[-1]
        at = int(post.clock.now.timestamp())
        assert posted.headers[HEADER.lower()] == sign(secrets, at, posted.body)


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", "[::1]"])
async def test_a_webhook_does_not_reach_what_is_inside(open_post: Opened, name: str) -> None:
    async with open_post(webhook_allow_private=False) as post:
        port = post.webhook.url.rpartition(":")[2]
        await post.tell_acme(webhook_url=f"http://{name}:{port}/hook")
        await send_test(post.admin)
        await post.go()
        found = await only(post)
        assert found.state == DEAD
        assert found.why == "the webhook's address is not public"
        assert not post.webhook.asked


async def test_a_channel_that_is_not_set_up_waits_and_says_why(open_post: Opened) -> None:
    unset: dict[str, Any] = {"smtp_url": None, "smtp_from": None, "telegram_bot_token": None}
    async with open_post(**unset) as post:
        await post.tell_acme()
        await send_test(post.admin)
        await post.go()
        why = {each.channel: each for each in await listed(post.admin)}
        assert "TOLLGATE_SMTP_URL" in why[pb.CHANNEL_EMAIL].why
        assert "TOLLGATE_TELEGRAM_BOT_TOKEN" in why[pb.CHANNEL_TELEGRAM].why
        assert why[pb.CHANNEL_EMAIL].state == why[pb.CHANNEL_TELEGRAM].state == RETRYING
        assert why[pb.CHANNEL_WEBHOOK].state == SENT
        await post.go_for(hours=25)
        assert len(await listed(post.admin, DEAD)) == 2


async def test_what_the_settings_no_longer_name_is_told_nothing(post: Post) -> None:
    await post.tell_acme()
    await send_test(post.admin)
    await post.admin(
        update("emails", telegram_enabled=False, webhook_url=f"{post.webhook.url}/new")
    )
    await post.go()
    assert not post.mail.taken
    assert not post.telegram.asked
    (posted,) = post.webhook.asked
    assert posted.path == "/new"
    assert [each.state for each in await listed(post.admin)] == [SENT, DEAD, DEAD]
