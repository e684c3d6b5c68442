"""The organisations of a tenant."""

from starlette.responses import Response

from server.console.pager import Pager
from server.console.pages.organisations.words import faults_in_words
from server.console.visit import Visit
from tollgate.v1 import organisations_pb2 as pb

PAGE_SIZE = 50


async def show(visit: Visit) -> Response:
    """The page; archived ones when they are asked for."""
    archived = visit.query.get("archived", "") == "yes"
    pager = Pager.of(visit, {"archived": "yes"} if archived else {})
    request = pb.ListOrganisationsRequest(
        tenant_id=visit.tenant_id,
        show_archived=archived,
        page_size=PAGE_SIZE,
        page_token=pager.page_token,
    )
    found = await visit.ask("ListOrganisations", request)
    return visit.page(
        "organisations/page.html",
        found=found,
        archived=archived,
        pager=pager,
        faults_of=lambda each: faults_in_words(visit, each),
    )
