"""Recent notifications and tests: what became of each, live, and tried anew by hand."""

import secrets
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from starlette.responses import Response

from server.console.access.forgery import text_of
from server.console.failing import toast
from server.console.live import beats, events, partial
from server.console.visit import Visit
from tollgate.v1 import history_pb2 as history
from tollgate.v1 import notifications_pb2 as pb

SHOWN = 20
LOOK_EVERY_S = 1.0
CHANNELS = (pb.CHANNEL_EMAIL, pb.CHANNEL_TELEGRAM, pb.CHANNEL_WEBHOOK)


async def message_values(visit: Visit) -> dict[str, Any]:
    """What the templates of messages need: the latest ones, and of each channel its latest test."""
    request = pb.ListNotificationsRequest(tenant_id=visit.tenant_id, page_size=SHOWN)
    found = (await visit.ask("ListNotifications", request)).notifications
    tests = {}
    for each in reversed(found):
        if each.kind == pb.EVENT_KIND_TEST:
            tests[each.channel] = each
    return {"messages": found, "tests": tests, "most": SHOWN}


async def live(visit: Visit) -> Response:
    """What becomes of messages, until the page is closed or the session ends."""
    return await events(visit, _updates(visit))


async def _updates(visit: Visit) -> AsyncGenerator[str, None]:
    shown: dict[str, str] = {}
    request = history.WatchBalanceRequest(tenant_id=visit.tenant_id)
    watched = visit.stream("WatchBalance", request)
    async with aclosing(beats(visit, watched, LOOK_EVERY_S)) as beating:
        async for _ in beating:
            parts = await _parts(visit)
            changed = [name for name in parts if shown.get(name) != parts[name]]
            shown = parts
            yield "".join(partial(name, parts[name]) for name in changed)


async def _parts(visit: Visit) -> dict[str, str]:
    values = await message_values(visit)
    return {"messages": visit.render("limits/messages.html", **values)} | {
        f"tested-{channel}": visit.render("limits/tested.html", channel=channel, **values)
        for channel in CHANNELS
    }


async def test(visit: Visit) -> Response:
    """Sends a test by one channel, to where the saved settings say."""
    channel = text_of(visit.form, "channel")
    request = pb.SendTestNotificationRequest(
        request_id=secrets.token_hex(16),
        tenant_id=visit.tenant_id,
        channels=[each for each in CHANNELS if str(each) == channel],
    )
    await visit.ask("SendTestNotification", request)
    return _done(visit, "limits.test.queued")


async def retry(visit: Visit) -> Response:
    """Tries a dead message anew."""
    notification_id = visit.request.path_params["notification_id"]
    request = pb.RetryNotificationRequest(
        request_id=secrets.token_hex(16),
        tenant_id=visit.tenant_id,
        notification_id=notification_id,
    )
    await visit.ask("RetryNotification", request)
    return _done(visit, "limits.messages.queued")


async def rotate(visit: Visit) -> Response:
    """Makes a new secret that signs posts, and shows it once."""
    request = pb.RotateWebhookSecretRequest(
        request_id=secrets.token_hex(16), tenant_id=visit.tenant_id
    )
    reply: pb.RotateWebhookSecretResponse = await visit.ask("RotateWebhookSecret", request)
    return visit.page("limits/secret.html", secret=reply.webhook_secret)


def _done(visit: Visit, text: str) -> Response:
    if visit.wants_fragment:
        return toast(visit, visit.words(text))
    return visit.see_other(visit.link("limits"))
