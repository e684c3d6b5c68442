"""A top-up's own page, where payers come back to: it turns from pending to paid by itself."""

import asyncio
import secrets
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from starlette.responses import Response

from server.console.live import beats, events, partial
from server.console.visit import Visit
from tollgate.v1 import billing_pb2 as billing
from tollgate.v1 import history_pb2 as history
from tollgate.v1 import organisations_pb2 as organisations
from tollgate.v1 import payments_pb2 as pb

LOOK_EVERY_S = 1.0
# A payment that has not come after so long is looked for less often.
EAGER_S = 120.0
LATER_EVERY_S = 5.0


async def one(visit: Visit) -> Response:
    """The page."""
    return await page_of_one(visit)


async def page_of_one(visit: Visit, status: int = 200, **told: Any) -> Response:
    """The page of the top-up in the address; `told` is what a form of it has to be told."""
    return visit.page("top-up/one.html", status, **(await values_of(visit) | {"told": told}))


async def live(visit: Visit) -> Response:
    """The page's changes, until it is closed or the session ends."""
    return await events(visit, _updates(visit))


async def values_of(visit: Visit) -> dict[str, Any]:
    """What the templates of one top-up need."""
    top_up, balance = await asyncio.gather(
        find(visit), visit.ask("GetBalance", billing.GetBalanceRequest(tenant_id=visit.tenant_id))
    )
    return {
        "top_up": top_up,
        "state": state_of(top_up),
        "seen": _seen(top_up),
        "balance": balance,
        "payer": await _payer(visit, top_up),
        "came_back": visit.query.get("back") == "1",
        "by_hand": top_up.provider != pb.PAYMENT_PROVIDER_STRIPE,
        "request_id": secrets.token_hex(16),
        "told": {},
    }


async def find(visit: Visit) -> pb.TopUp:
    """The top-up that the address names. Raises Declined."""
    top_up_id: str = visit.request.path_params["top_up_id"]
    request = pb.GetTopUpRequest(tenant_id=visit.tenant_id, top_up_id=top_up_id)
    found: pb.TopUp = (await visit.ask("GetTopUp", request)).top_up
    return found


def state_of(top_up: pb.TopUp) -> str:
    """The state's name."""
    return pb.TopUpState.Name(top_up.state).removeprefix("TOP_UP_STATE_")


def _seen(top_up: pb.TopUp) -> str:
    return f"{top_up.state}.{top_up.returned_micros}"


async def _payer(visit: Visit, top_up: pb.TopUp) -> str:
    if not top_up.organisation_id:
        return ""
    request = organisations.GetOrganisationRequest(
        tenant_id=visit.tenant_id, organisation_id=top_up.organisation_id
    )
    found: str = (await visit.ask("GetOrganisation", request)).organisation.name
    return found


async def _updates(visit: Visit) -> AsyncGenerator[str, None]:
    """Only what differs from what the page has shown: a form that is being filled in stays."""
    seen, began, look_at = visit.query.get("seen", ""), time.monotonic(), 0.0
    request = history.WatchBalanceRequest(tenant_id=visit.tenant_id)
    watched = visit.stream("WatchBalance", request)
    async with aclosing(beats(visit, watched, LOOK_EVERY_S)) as beating:
        async for moved in beating:
            now = time.monotonic()
            if moved is None and now < look_at:
                yield ""
                continue
            look_at = now + (LOOK_EVERY_S if now < began + EAGER_S else LATER_EVERY_S)
            if (now_seen := _seen(await find(visit))) == seen:
                yield ""
                continue
            seen = now_seen
            yield await _parts(visit)


async def _parts(visit: Visit) -> str:
    values = await values_of(visit)
    return "".join(
        partial(name, visit.render(f"top-up/{name}.html", **values)) for name in ("state", "desk")
    )
