"""The page of limits, and what becomes of its form."""

import asyncio
import secrets
from collections.abc import Mapping

from starlette.responses import Response

from server.console.access.forgery import text_of
from server.console.asking import Declined
from server.console.failing import field_errors, words_of
from server.console.pages.limits import bounds, told
from server.console.pages.limits.messages import message_values
from server.console.visit import Visit
from tollgate.v1 import notifications_pb2 as pb

# The forms' own names of what requests nest.
PREFIXES = ("tenant.limits.", "settings.")


async def show(visit: Visit) -> Response:
    """The page with what is set now."""
    return await page_of(visit)


async def page_of(
    visit: Visit,
    status: int = 200,
    *,
    limits: Mapping[str, str] | None = None,
    tells: told.Told | None = None,
    problems: Mapping[str, str] | None = None,
    failure: str = "",
    secret: str = "",
) -> Response:
    """The page; what was sent stays in its fields when it cannot be saved."""
    assert visit.tenant is not None
    reply, messages = await asyncio.gather(_settings(visit), message_values(visit))
    return visit.page(
        "limits/page.html",
        status,
        limits=bounds.shown_bounds(visit.tenant.limits) if limits is None else limits,
        tells=told.shown_told(reply.settings) if tells is None else tells,
        settings=reply.settings,
        channels={each.channel: each for each in reply.channels},
        problems=problems or {},
        failure=failure,
        secret=secret,
        saved=visit.query.get("saved") == "1" and not problems,
        request_id=secrets.token_hex(16),
        spending=bounds.SPENDING,
        guards=bounds.GUARDS,
        events=told.EVENTS,
        **messages,
    )


async def save(visit: Visit) -> Response:
    """Saves what differs from what is; nothing, when a field cannot be read."""
    sent, tells = bounds.sent_bounds(visit), told.sent_told(visit)
    wanted, problems = bounds.read_bounds(visit, sent)
    if problems:
        return await page_of(visit, 422, limits=sent, tells=tells, problems=problems)
    try:
        secret = await _save(visit, wanted, tells)
    except Declined as declined:
        problems = _problems(visit, declined)
        failure = "" if problems else words_of(visit, declined)
        status = 422 if problems else 409
        return await page_of(
            visit, status, limits=sent, tells=tells, problems=problems, failure=failure
        )
    if secret:
        return await page_of(visit, limits=sent, secret=secret)
    return visit.see_other(visit.link("limits", saved="1"))


async def _save(visit: Visit, wanted: Mapping[str, int | None], tells: told.Told) -> str:
    """The secret that signs posts, when this made one. Raises Declined."""
    assert visit.tenant is not None
    name = text_of(visit.form, "request_id")
    change = bounds.change_of(visit.tenant, wanted, f"{name}-limits")
    if change is not None:
        await visit.ask("UpdateTenant", change)
    before = (await _settings(visit)).settings
    tell = told.change_of(before, visit.tenant_id, tells, f"{name}-told")
    if tell is None:
        return ""
    secret: str = (await visit.ask("UpdateNotificationSettings", tell)).webhook_secret
    return secret


async def _settings(visit: Visit) -> pb.GetNotificationSettingsResponse:
    request = pb.GetNotificationSettingsRequest(tenant_id=visit.tenant_id)
    reply: pb.GetNotificationSettingsResponse = await visit.ask("GetNotificationSettings", request)
    return reply


def _problems(visit: Visit, declined: Declined) -> dict[str, str]:
    """What is wrong with each field of the form, by its name."""
    found = {_field(name): text for name, text in field_errors(visit, declined).items()}
    if "EMAIL_FORM" in [each.reason for each in declined.violations]:
        found["emails"] = visit.words("limits.told.emails_wrong")
    return found


def _field(name: str) -> str:
    """The form's name of a request's field: settings.emails[0] is emails."""
    for prefix in PREFIXES:
        name = name.removeprefix(prefix)
    return name.partition("[")[0]
