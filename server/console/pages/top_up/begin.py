"""The form of a top-up, what it would cost, and the list of those that were begun."""

import asyncio
import secrets
from collections.abc import Sequence

from starlette.responses import Response

from server.console.asking import Declined
from server.console.failing import words_of
from server.console.pages.top_up.draft import QUICK, Draft, new_draft, offer_of, sent_draft
from server.console.visit import Visit
from tollgate.v1 import organisations_pb2 as organisations
from tollgate.v1 import payments_pb2 as pb

ROWS = 20
USED = "KEY_REUSED"


async def show(visit: Visit) -> Response:
    """The page with an empty form."""
    return await _page(visit, new_draft(visit))


async def quote(visit: Visit) -> Response:
    """What the form comes to, for htmx."""
    return visit.page("top-up/quoted.html", offer=await offer_of(visit, sent_draft(visit)))


async def begin(visit: Visit) -> Response:
    """Creates the top-up and leads to its page; the same form sent again leads to the same one."""
    draft = sent_draft(visit)
    offer = await offer_of(visit, draft)
    if offer.problem or not offer.micros:
        return await _page(visit, draft, 422)
    request = pb.CreateTopUpRequest(
        request_id=draft.request_id,
        tenant_id=visit.tenant_id,
        credit_amount_micros=offer.micros,
        provider=offer.way.option.provider,
        method=offer.way.method,
        organisation_id=draft.organisation_id,
    )
    try:
        made: pb.TopUp = (await visit.ask("CreateTopUp", request)).top_up
    except Declined as declined:
        # A form that was used already stays filled in, under a new name.
        name = secrets.token_hex(16) if declined.reason == USED else draft.request_id
        draft = draft._replace(request_id=name)
        return await _page(visit, draft, 409, words_of(visit, declined))
    return visit.see_other(visit.link("top-up", f"/{made.top_up_id}"))


async def _page(visit: Visit, draft: Draft, status: int = 200, failure: str = "") -> Response:
    listing = pb.ListTopUpsRequest(
        tenant_id=visit.tenant_id, page_size=ROWS, page_token=visit.query.get("after", "")
    )
    offer, listed, payers = await asyncio.gather(
        offer_of(visit, draft), visit.ask("ListTopUps", listing), _payers(visit)
    )
    problem = offer.problem
    if status == 422 and not problem:
        problem = visit.words("fields.REQUIRED")
    return visit.page(
        "top-up/page.html",
        status,
        draft=draft,
        quick=QUICK,
        listed=listed,
        payers=payers,
        failure=failure,
        offer=offer._replace(problem=problem),
    )


async def _payers(visit: Visit) -> Sequence[organisations.Organisation]:
    """The organisations that an invoice can be made out to."""
    request = organisations.ListOrganisationsRequest(tenant_id=visit.tenant_id)
    reply = await visit.ask("ListOrganisations", request)
    return [each for each in reply.organisations if not each.draft]
