"""What a day's charge is made of: its calls, and a call's itemised cost."""

from typing import NamedTuple

from starlette.responses import Response

from server.console.pager import Pager
from server.console.visit import Visit
from server.errors import NotFound
from tollgate.v1 import billing_pb2 as billing
from tollgate.v1 import call_authorization_pb2 as pb
from tollgate.v1 import common_pb2

PAGE_SIZE, WITHIN_THE_TABLE = 25, 10
MAX_DIGITS = 18


class Shown(NamedTuple):
    """A call with the names of what its numbers mean."""

    call: common_pb2.Call

    @property
    def outcome(self) -> str:
        """How it ended."""
        return common_pb2.Outcome.Name(self.call.outcome).removeprefix("OUTCOME_")

    @property
    def direction(self) -> str:
        """Who placed it."""
        return common_pb2.Direction.Name(self.call.direction).removeprefix("DIRECTION_")

    @property
    def state(self) -> str:
        """Where it is in its life."""
        return common_pb2.CallState.Name(self.call.state).removeprefix("CALL_STATE_")

    @property
    def began(self) -> object:
        """When it started, as far as anybody said."""
        return self.call.started_at if self.call.HasField("started_at") else self.call.authorized_at


async def show_calls(visit: Visit) -> Response:
    """The calls that a row of the history gathers: within the table, or as a page."""
    number = _number(visit.request.path_params["number"])
    pager = Pager.of(visit)
    request = billing.ListCallsRequest(
        tenant_id=visit.tenant_id,
        transaction_number=number,
        page_size=WITHIN_THE_TABLE if visit.wants_fragment else PAGE_SIZE,
        page_token=pager.page_token,
    )
    found = await visit.ask("ListCalls", request)
    return visit.page(
        "history/calls.html" if visit.wants_fragment else "history/calls_page.html",
        number=number,
        calls=[Shown(call) for call in found.calls],
        more=found.next_page_token,
        pager=pager,
    )


async def show_call(visit: Visit) -> Response:
    """A call to the last micro: within the table, or as a page."""
    call_id: str = visit.request.path_params["call_id"]
    request = pb.GetCallRequest(tenant_id=visit.tenant_id, call_id=call_id)
    shown = Shown((await visit.ask("GetCall", request)).call)
    template = "history/call.html" if visit.wants_fragment else "history/call_page.html"
    return visit.page(template, each=shown, call=shown.call)


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= MAX_DIGITS and int(text)):
        raise NotFound("UNKNOWN_TRANSACTION", "the payment history has no such row")
    return int(text)
