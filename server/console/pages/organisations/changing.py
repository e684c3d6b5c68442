"""What is done with an organisation as a whole: chosen as the payer, archived."""

import secrets
from typing import Any

from starlette.responses import Response

from server.console.visit import Visit
from tollgate.v1 import organisations_pb2 as pb


async def choose_payer(visit: Visit) -> Response:
    """Makes acts out to it from now on."""
    await visit.ask("SetPayer", pb.SetPayerRequest(**_named(visit)))
    return visit.see_other(visit.link("organisations"))


async def archive(visit: Visit) -> Response:
    """Takes it out of use; both can be asked for again and again to the same effect."""
    await visit.ask("ArchiveOrganisation", pb.ArchiveOrganisationRequest(**_named(visit)))
    return visit.see_other(visit.link("organisations"))


def _named(visit: Visit) -> dict[str, Any]:
    return {
        "request_id": secrets.token_urlsafe(16),
        "tenant_id": visit.tenant_id,
        "organisation_id": visit.request.path_params["organisation_id"],
    }
