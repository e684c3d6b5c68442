"""Nothing is lost and nothing waits: outages, crashes between claim and mark, several couriers."""

import asyncio

import pytest
from pydantic import SecretStr

from ledger.notifications.notification import Channel
from server.notifications.outcome import Outcome
from server.notifications.schedule import GIVE_UP_AFTER
from tests.integration.api.gateway import Gateway
from tests.integration.api.installation import SECOND, eventually, fresh_id
from tests.integration.notifications.asking import listed, send_test, update
from tests.integration.notifications.conftest import Opened, Post
from tests.integration.notifications.post_office import MailServer, answers
from tollgate.v1 import notifications_pb2 as pb

SENT, RETRYING, DEAD = (
    pb.NOTIFICATION_STATE_SENT,
    pb.NOTIFICATION_STATE_RETRYING,
    pb.NOTIFICATION_STATE_DEAD,
)


async def test_an_hour_without_any_receiver_loses_nothing_and_holds_up_nothing(
    post: Post,
) -> None:
    await post.tell_acme()
    servers = (post.mail, post.telegram, post.webhook)
    for server in servers:
        await server.stop()
    installation = post.installation
    await installation.update("acme", low_balance_threshold_micros=50 * SECOND)
    await installation.adjust("acme", 100 * SECOND)
    gateway = Gateway(installation.admin)
    for number in range(3):  # each crosses the threshold, is charged and posted
        await gateway.accepted(f"c{number}")
        await gateway.charge(f"c{number}", 60)
        await gateway.posted(f"c{number}", 60)
        await post.go_for(minutes=20)
        await installation.adjust("acme", 60 * SECOND)
    waiting = await listed(post.admin, RETRYING)
    assert len(waiting) == 9
    assert all(each.attempts > 3 and each.why for each in waiting)
    await installation.settled_down()

    for server in servers:
        await server.start()
    await post.go_for(hours=1, minutes=15)
    assert {each.state for each in await listed(post.admin)} == {SENT}
    for told in (post.mail.taken, post.telegram.asked, post.webhook.asked):
        assert len(told) == 3
    assert len({mail["Message-ID"] for mail in post.mail.taken}) == 3


async def test_a_courier_that_dies_after_sending_sends_again_under_the_same_id(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    await post.tell_acme(emails=["it@example.com"])
    await send_test(post.admin)
    dying = post.another_courier()

    async def die(_delivery: object, _outcome: Outcome) -> None:
        raise ConnectionResetError("killed")

    monkeypatch.setattr(dying, "_note", die)
    with pytest.raises(ConnectionResetError):
        await dying.deliver(Channel.EMAIL)
    await post.go()
    assert len(post.mail.taken) == 1  # leased by the dead one
    await post.go_for(minutes=3)
    assert len(post.mail.taken) == 2
    assert len({mail["Message-ID"] for mail in post.mail.taken}) == 1
    (found,) = await listed(post.admin)
    assert (found.state, found.attempts) == (SENT, 2)


async def test_a_courier_that_dies_before_sending_loses_nothing(post: Post) -> None:
    await post.tell_acme(emails=["it@example.com"])
    await send_test(post.admin)
    (claimed,) = await post.queue.claim(Channel.EMAIL, 10)
    await post.go_for(minutes=3)
    assert len(post.mail.taken) == 1
    await post.queue.later(claimed, post.clock.now, "told too late")  # its lease had ended
    (found,) = await listed(post.admin)
    assert found.state == SENT


async def test_couriers_at_the_same_time_send_everything_once(post: Post) -> None:
    addresses = [f"a{number}@example.com" for number in range(10)]
    await post.tell_acme(emails=addresses)
    for _ in range(5):
        await send_test(post.admin)
    couriers = [post.courier, post.another_courier(), post.another_courier()]

    async def empty(courier: object) -> None:
        while await courier.deliver(Channel.EMAIL):  # type: ignore[attr-defined]
            pass

    await asyncio.gather(*map(empty, couriers))
    assert sorted(post.mail.receivers) == sorted(addresses * 5)


async def test_what_never_gets_through_is_dead_after_a_day_and_can_be_tried_anew(
    post: Post,
) -> None:
    await post.tell_acme(webhook_url=f"{post.webhook.url}/hook")
    post.webhook.reply = answers(500)
    (queued,) = await send_test(post.admin)
    await post.go_for(seconds=GIVE_UP_AFTER.total_seconds() + 60)
    (dead,) = await listed(post.admin, DEAD)
    assert dead.why == "the webhook answered 500"
    assert 25 < dead.attempts < 40
    assert not dead.HasField("next_attempt_at")
    tried = len(post.webhook.asked)
    await post.go_for(hours=30)
    assert len(post.webhook.asked) == tried

    post.webhook.reply = answers(200)
    retry = pb.RetryNotificationRequest(
        request_id=fresh_id(), tenant_id="acme", notification_id=queued.notification_id
    )
    await post.admin(retry)
    await post.go()
    (found,) = await listed(post.admin)
    assert (found.state, found.attempts) == (SENT, 1)


async def test_a_slow_channel_keeps_no_other_waiting(open_post: Opened) -> None:
    """The mail server takes connections and says nothing; the worker's own courier is at work."""
    over = asyncio.Event()

    async def say_nothing(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await over.wait()
        writer.close()
        await writer.wait_closed()

    silent = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    port = silent.sockets[0].getsockname()[1]
    async with open_post(smtp_url=SecretStr(f"smtp://127.0.0.1:{port}")) as post:
        await post.tell_acme()
        post.installation.beside(post.installation.parts.notifying.courier.run)
        await send_test(post.admin)

        async def told() -> bool:
            return bool(post.webhook.asked and post.telegram.asked)

        await eventually(told)
        states = {each.channel: each.state for each in await listed(post.admin)}
        assert states[pb.CHANNEL_EMAIL] == pb.NOTIFICATION_STATE_QUEUED
    over.set()
    silent.close()
    await silent.wait_closed()


async def test_a_bug_in_a_message_is_an_alarm_and_keeps_no_other(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    await post.tell_acme()

    async def broken(*_: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(post.installation.parts.notifying.channels._writer, "text", broken)
    await send_test(post.admin)
    await post.go()
    states = {each.channel: each for each in await listed(post.admin)}
    assert states[pb.CHANNEL_WEBHOOK].state == SENT
    assert states[pb.CHANNEL_EMAIL].state == RETRYING
    assert states[pb.CHANNEL_EMAIL].why == "internal error"


async def test_a_password_is_never_sent_in_the_clear(open_post: Opened, mail: MailServer) -> None:
    """This mail server knows no STARTTLS."""
    secret = "pa55word-of-the-mail-server"
    url = mail.url.replace("//", f"//tollgate:{secret}@")
    async with open_post(smtp_url=SecretStr(url)) as post:
        await post.tell_acme(emails=["it@example.com"])
        await send_test(post.admin)
        await post.go()
        (found,) = await listed(post.admin)
        assert found.state == RETRYING
        assert secret not in found.why
        assert not mail.taken


async def test_old_notifications_are_forgotten(post: Post) -> None:
    await post.tell_acme(emails=["it@example.com"])
    await send_test(post.admin)
    await post.go()
    await post.admin(update(emails=["other@example.com"]))
    post.clock.pass_by(days=89)
    assert await post.queue.forget() == 0
    post.clock.pass_by(days=2)
    assert await post.queue.forget() == 1
    assert not await listed(post.admin)


async def test_the_queue_is_counted_by_channel(post: Post) -> None:
    await post.tell_acme()
    await send_test(post.admin)
    assert await post.queue.depth() == dict.fromkeys(Channel, 1)
    await post.go(Channel.EMAIL)
    assert (await post.queue.depth())[Channel.EMAIL] == 0
