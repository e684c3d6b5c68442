"""Issuing an invoice or an act, for who may."""

import re
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from starlette.responses import Response

from server.console.access.forgery import text_of
from server.console.asking import Declined
from server.console.failing import field_errors, words_of
from server.console.visit import Visit
from server.errors import PermissionDenied
from tollgate.v1 import organisations_pb2 as pb

MOST_ORGANISATIONS = 1_000
MONTHS_BACK = 12
_ROUBLES = re.compile(r"([0-9]{1,12})(?:[.,]([0-9]{1,2}))?")


async def show_issuing(visit: Visit) -> Response:
    """The forms."""
    return await _page(visit)


async def issue_invoice(visit: Visit) -> Response:
    """Asks an organisation to pay."""
    request = pb.IssueInvoiceRequest(
        request_id=text_of(visit.form, "once"),
        tenant_id=visit.tenant_id,
        organisation_id=text_of(visit.form, "organisation_id"),
        pay_amount_kopecks=_kopecks(text_of(visit.form, "pay_amount_kopecks")),
    )
    return await _issue(visit, "IssueInvoice", request)


async def issue_act(visit: Visit) -> Response:
    """Says what was done in a month, at the rate that is set."""
    request = pb.IssueActRequest(
        request_id=text_of(visit.form, "once"),
        tenant_id=visit.tenant_id,
        month=text_of(visit.form, "month"),
    )
    return await _issue(visit, "IssueAct", request)


async def _issue(
    visit: Visit, method: str, request: pb.IssueInvoiceRequest | pb.IssueActRequest
) -> Response:
    try:
        await visit.ask(method, request)
    except Declined as declined:
        if declined.violations:
            return await _page(visit, field_errors(visit, declined), status=422)
        if visit.words.has(f"errors.{declined.reason}"):
            return await _page(visit, {method: words_of(visit, declined)}, status=409)
        raise
    return visit.see_other(visit.link("organisations", "/documents"))


async def _page(
    visit: Visit, problems: Mapping[str, str] | None = None, status: int = 200
) -> Response:
    if not visit.may("IssueInvoice"):
        raise PermissionDenied
    request = pb.ListOrganisationsRequest(tenant_id=visit.tenant_id, page_size=MOST_ORGANISATIONS)
    found = (await visit.ask("ListOrganisations", request)).organisations
    complete = [each for each in found if not each.draft]
    payer = next((each for each in complete if each.payer), None)
    return visit.page(
        "organisations/issue.html",
        status,
        complete=complete,
        payer=payer,
        months=_months(),
        typed={name: text_of(visit.form, name) for name in ("organisation_id", "month")}
        | {"roubles": text_of(visit.form, "pay_amount_kopecks")},
        problems=problems or {},
        once=secrets.token_urlsafe(16),
    )


def _months() -> list[str]:
    """The last months that are over, or are about to be in some zone."""
    first = datetime.now(UTC).date().replace(day=1)
    months = []
    for _ in range(MONTHS_BACK):
        first = (first - timedelta(days=1)).replace(day=1)
        months.append(f"{first:%Y-%m}")
    return months


def _kopecks(text: str) -> int:
    """Roubles as people write them; 0, which no invoice may have, when they are none."""
    found = _ROUBLES.fullmatch("".join(text.split())) if text.isascii() else None
    if found is None:
        return 0
    return int(found[1]) * 100 + int((found[2] or "0").ljust(2, "0"))
