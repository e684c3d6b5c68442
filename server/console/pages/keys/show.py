"""The keys, those that work first, and the form for another."""

from collections.abc import Mapping
from typing import NamedTuple

from starlette.responses import Response

from server.console.request_ids import new_request_id
from server.console.visit import Visit
from tollgate.v1 import billing_pb2 as pb

ROLES = ("tenant", "gateway", "admin")


class Draft(NamedTuple):
    """What was typed of a new key, and what is wrong with it, by field."""

    values: Mapping[str, str] = {}
    problems: Mapping[str, str] = {}


async def show(visit: Visit) -> Response:
    """The page."""
    return await page(visit)


async def page(
    visit: Visit, draft: Draft | None = None, made: pb.CreateApiKeyResponse | None = None
) -> Response:
    """The page, with a key that was made just now, or a form that was not taken."""
    keys = (await visit.ask("ListApiKeys", pb.ListApiKeysRequest())).keys
    newest = sorted(keys, key=lambda each: (each.HasField("revoked_at"), -_made_at(each)))
    return visit.page(
        "keys/page.html",
        422 if draft else 200,
        keys=newest,
        working=sum(not key.HasField("revoked_at") for key in keys),
        roles=ROLES,
        draft=draft or Draft(),
        made=made,
        request_id=new_request_id(),
    )


def _made_at(key: pb.ApiKey) -> int:
    return key.created_at.ToNanoseconds()
