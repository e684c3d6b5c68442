"""`tollgate notify`: whom a tenant is told by, tests, and what became of each notification."""

from typing import Annotated, Any

import typer

from ledger.notifications.notification import Channel
from server.cli import printing
from server.cli.connection import DEFAULT_SERVER, Connection, ServerOption
from server.cli.options import JsonOption, RequestId, TenantArgument, request_id_or_new
from tollgate.v1 import history_pb2
from tollgate.v1 import notifications_pb2 as pb

PAGE = 1000
NOBODY = "none"
LANGUAGES = {"en": history_pb2.LANGUAGE_ENGLISH, "ru": history_pb2.LANGUAGE_RUSSIAN}
CHOSEN = ", ".join(
    name.removeprefix("EVENT_KIND_").lower()
    for name, number in pb.EventKind.items()
    if number not in (pb.EVENT_KIND_UNSPECIFIED, pb.EVENT_KIND_DOCUMENT_ISSUED, pb.EVENT_KIND_TEST)
)

app = typer.Typer(
    no_args_is_help=True, help="Choose whom to tell of what, send tests, see what became of it."
)


@app.command()
def settings(
    tenant_id: TenantArgument,
    email: Annotated[
        list[str] | None, typer.Option(help="An address, again for more; none for none.")
    ] = None,
    telegram: Annotated[
        str | None, typer.Option(metavar="CHAT", help="A chat's number or @channel; none for off.")
    ] = None,
    webhook: Annotated[
        str | None, typer.Option(metavar="URL", help="Where to post events; none for nowhere.")
    ] = None,
    language: Annotated[str | None, typer.Option(help="Of the messages: en or ru.")] = None,
    event: Annotated[
        list[str] | None,
        typer.Option(help=f"What to tell of, again for more; none for nothing. {CHOSEN}."),
    ] = None,
    request_id: RequestId = None,
    json: JsonOption = False,
    server: ServerOption = DEFAULT_SERVER,
) -> None:
    """Change whom to tell of what. Without options, show it."""
    given = _given(email, telegram, webhook, language, event)
    secret = ""
    with Connection(server) as connection:
        if given:
            request = pb.UpdateNotificationSettingsRequest(
                request_id=request_id_or_new(request_id),
                tenant_id=tenant_id,
                settings=pb.NotificationSettings(**given),
            )
            request.update_mask.paths.extend(given)
            changed = connection.ask(connection.billing.UpdateNotificationSettings, request)
            secret = changed.webhook_secret
        found = read(connection, tenant_id)
    if json:
        printing.as_json(found)
    else:
        printing.facts(setting_facts(found))
    if secret:
        _tell_secret(secret)


@app.command()
def secret(
    tenant_id: TenantArgument,
    request_id: RequestId = None,
    server: ServerOption = DEFAULT_SERVER,
) -> None:
    """Make a new secret that signs posts; the old one signs beside it for a day."""
    request = pb.RotateWebhookSecretRequest(
        request_id=request_id_or_new(request_id), tenant_id=tenant_id
    )
    with Connection(server) as connection:
        made = connection.ask(connection.billing.RotateWebhookSecret, request)
    if made.webhook_secret:
        _tell_secret(made.webhook_secret)
    if made.HasField("old_secret_until"):
        printing.say(f"The old one signs too until {printing.moment(made, 'old_secret_until')}.")


@app.command("test")
def send_test(
    tenant_id: TenantArgument,
    channel: Annotated[
        list[Channel] | None, typer.Option(help="Only this channel; may be given again.")
    ] = None,
    request_id: RequestId = None,
    server: ServerOption = DEFAULT_SERVER,
) -> None:
    """Send a test to every receiver."""
    request = pb.SendTestNotificationRequest(
        request_id=request_id_or_new(request_id),
        tenant_id=tenant_id,
        channels=[pb.Channel.Value(f"CHANNEL_{each.name}") for each in channel or ()],
    )
    with Connection(server) as connection:
        queued = connection.ask(connection.billing.SendTestNotification, request).notifications
        channels = {status.channel: status for status in read(connection, tenant_id).channels}
    for each in queued:
        status = channels[each.channel]
        but = "" if status.ready else f", but {status.why}"
        printing.say(f"Queued for {_channel(each.channel)} {each.receiver}{but}.")
    printing.say(f"What becomes of it: tollgate notify list {tenant_id}")


@app.command("list")
def list_notifications(
    tenant_id: TenantArgument,
    state: Annotated[
        list[str] | None, typer.Option(help="Only queued, sent, retrying or dead ones.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=PAGE, help="The most to list.")] = 50,
    json: JsonOption = False,
    server: ServerOption = DEFAULT_SERVER,
) -> None:
    """List notifications, the newest first."""
    request = pb.ListNotificationsRequest(
        tenant_id=tenant_id,
        states=[_number(pb.NotificationState, name, "--state") for name in state or ()],
        page_size=limit,
    )
    with Connection(server) as connection:
        found = connection.ask(connection.billing.ListNotifications, request)
    if json:
        printing.as_json(found)
    elif not found.notifications:
        printing.say("There are none. Send a test: tollgate notify test " + tenant_id)
    else:
        columns = ("notification", "happened", "what", "by", "to", "state", ">tried", "next", "why")
        printing.table(columns, [_row(each) for each in found.notifications])


@app.command()
def retry(
    tenant_id: TenantArgument,
    notification_id: Annotated[str, typer.Argument(metavar="NOTIFICATION", help="Its id, ntf_….")],
    request_id: RequestId = None,
    server: ServerOption = DEFAULT_SERVER,
) -> None:
    """Try a dead notification anew."""
    request = pb.RetryNotificationRequest(
        request_id=request_id_or_new(request_id),
        tenant_id=tenant_id,
        notification_id=notification_id,
    )
    with Connection(server) as connection:
        queued = connection.ask(connection.billing.RetryNotification, request).notification
    printing.say(f"Queued again for {_channel(queued.channel)} {queued.receiver}.")


def read(connection: Connection, tenant_id: str) -> pb.GetNotificationSettingsResponse:
    """A tenant's settings, and what the server can use."""
    request = pb.GetNotificationSettingsRequest(tenant_id=tenant_id)
    found: pb.GetNotificationSettingsResponse = connection.ask(
        connection.billing.GetNotificationSettings, request
    )
    return found


def setting_facts(found: pb.GetNotificationSettingsResponse) -> list[tuple[str, str]]:
    """The settings, with what keeps a chosen channel from working."""
    told = found.settings
    chat = told.telegram_chat_id if told.telegram_enabled else "off"
    if told.telegram_error:
        chat = f"switched off: {told.telegram_error}"
    used = {
        pb.CHANNEL_EMAIL: ", ".join(told.emails),
        pb.CHANNEL_TELEGRAM: chat,
        pb.CHANNEL_WEBHOOK: told.webhook_url,
    }
    unready = {status.channel: status.why for status in found.channels if not status.ready}
    language = "Russian" if told.language == history_pb2.LANGUAGE_RUSSIAN else "English"
    return [
        *(
            (_channel(channel), (where or NOBODY) + _but(where, unready.get(channel, "")))
            for channel, where in used.items()
        ),
        ("secret made", printing.moment(told, "webhook_secret_made_at")),
        ("language", language),
        ("told of", ", ".join(_event(kind) for kind in told.events) or "nothing"),
    ]


def _but(where: str, why: str) -> str:
    return f" ({why})" if why and where not in ("", "off") else ""


def _given(
    email: list[str] | None,
    telegram: str | None,
    webhook: str | None,
    language: str | None,
    event: list[str] | None,
) -> dict[str, Any]:
    """The fields that were given, by their names."""
    given: dict[str, Any] = {}
    if email is not None:
        given["emails"] = [] if email == [NOBODY] else email
    if telegram is not None:
        given["telegram_enabled"] = telegram != NOBODY
        given |= {} if telegram == NOBODY else {"telegram_chat_id": telegram}
    if webhook is not None:
        given["webhook_url"] = "" if webhook == NOBODY else webhook
    if language is not None:
        if language not in LANGUAGES:
            raise typer.BadParameter("must be en or ru", param_hint="--language")
        given["language"] = LANGUAGES[language]
    if event is not None:
        names = [] if event == [NOBODY] else event
        given["events"] = [_number(pb.EventKind, name, "--event") for name in names]
    return given


def _number(enum: Any, name: str, option: str) -> Any:
    prefix = {pb.EventKind: "EVENT_KIND_", pb.NotificationState: "NOTIFICATION_STATE_"}[enum]
    known = [each.removeprefix(prefix).lower() for each in enum.keys()[1:]]
    if name not in known:
        raise typer.BadParameter(f"must be one of {', '.join(known)}", param_hint=option)
    return enum.Value(prefix + name.upper())


def _tell_secret(made: str) -> None:
    printing.say(f"Posts are signed with {made}")
    printing.say("It is shown this once: keep it where posts are received.")


def _channel(number: Any) -> str:
    return "e-mail" if number == pb.CHANNEL_EMAIL else pb.Channel.Name(number)[8:].lower()


def _event(number: Any) -> str:
    return printing.word(pb.EventKind, number, "EVENT_KIND").lower()


def _row(each: pb.Notification) -> tuple[str, ...]:
    return (
        each.notification_id,
        printing.moment(each, "happened_at"),
        _event(each.kind),
        _channel(each.channel),
        each.receiver,
        printing.word(pb.NotificationState, each.state, "NOTIFICATION_STATE").lower(),
        str(each.attempts),
        printing.moment(each, "next_attempt_at"),
        each.why or printing.NONE,
    )
