"""A gateway as tests play it: calls of one tenant on the clock tariff."""

from typing import Any

from tests.integration.api.client import Client, Told
from tests.integration.api.installation import MODEL, eventually, usage
from tollgate.v1 import call_authorization_pb2 as pb
from tollgate.v1 import common_pb2

CALL: dict[str, Any] = {
    "caller": "+7000",
    "callee": "+7111",
    "direction": common_pb2.DIRECTION_INBOUND,
}


class Gateway:
    """Names requests by what tests vary: the call, its seconds, what is odd about it."""

    def __init__(self, client: Client, tenant_id: str = "acme") -> None:
        self.client, self.tenant_id = client, tenant_id

    def authorization(self, call_id: str = "c1", **fields: Any) -> pb.AuthorizeRequest:
        """An Authorize; with `seconds` it re-opens the call with its usage so far."""
        fields = CALL | {"model": MODEL} | _reported(fields)
        return pb.AuthorizeRequest(tenant_id=self.tenant_id, call_id=call_id, **fields)

    def report(self, call_id: str, seconds: float, **fields: Any) -> pb.ChargeRequest:
        """A Charge."""
        fields = _reported({"seconds": seconds} | fields)
        return pb.ChargeRequest(tenant_id=self.tenant_id, call_id=call_id, **fields)

    def settlement(self, call_id: str, seconds: float, **fields: Any) -> pb.SettleRequest:
        """A Settle."""
        given = {"model": MODEL, "outcome": common_pb2.OUTCOME_COMPLETED, "seconds": seconds}
        fields = _reported(CALL | given | fields)
        return pb.SettleRequest(tenant_id=self.tenant_id, call_id=call_id, **fields)

    async def authorize(self, call_id: str = "c1", **fields: Any) -> pb.AuthorizeResponse:
        """Asks whether a call may start."""
        reply: pb.AuthorizeResponse = await self.client(self.authorization(call_id, **fields))
        return reply

    async def accepted(self, call_id: str = "c1", **fields: Any) -> pb.AuthorizeResponse:
        """Asks, and is sure of the answer."""
        reply = await self.authorize(call_id, **fields)
        assert reply.decision == pb.DECISION_ACCEPTED, reply
        return reply

    async def refused(self, call_id: str = "c1", **fields: Any) -> pb.Refusal:
        """Asks, and is sure to be refused."""
        reply = await self.authorize(call_id, **fields)
        assert reply.decision == pb.DECISION_REJECTED, reply
        assert reply.directive == pb.DIRECTIVE_HANG_UP
        assert not reply.HasField("grant")
        return reply.refusal

    async def charge(self, call_id: str, seconds: float, **fields: Any) -> pb.ChargeResponse:
        """Reports a call's seconds so far."""
        reply: pb.ChargeResponse = await self.client(self.report(call_id, seconds, **fields))
        return reply

    async def settle(self, call_id: str, seconds: float, **fields: Any) -> pb.SettleResponse:
        """Closes a call."""
        reply: pb.SettleResponse = await self.client(self.settlement(call_id, seconds, **fields))
        return reply

    async def posted(self, call_id: str, seconds: float, **fields: Any) -> pb.SettleResponse:
        """Closes a call and repeats that until it is posted."""
        last: list[pb.SettleResponse] = []

        async def is_posted() -> bool:
            last.append(await self.settle(call_id, seconds, **fields))
            return last[-1].settlement == common_pb2.SETTLEMENT_POSTED

        await eventually(is_posted)
        return last[-1]

    async def call(self, call_id: str = "c1") -> common_pb2.Call:
        """The call as GetCall shows it."""
        request = pb.GetCallRequest(tenant_id=self.tenant_id, call_id=call_id)
        call: common_pb2.Call = (await self.client(request)).call
        return call

    async def end(self, call_id: str) -> pb.EndCallResponse:
        """Stops a call by an operator's hand."""
        request = pb.EndCallRequest(tenant_id=self.tenant_id, call_id=call_id)
        reply: pb.EndCallResponse = await self.client(request)
        return reply

    async def told(self, request: Any) -> Told:
        """What is told of a request that must fail."""
        return await self.client.told(request)


def _reported(fields: dict[str, Any]) -> dict[str, Any]:
    """Turns `seconds` into usage and, unless told otherwise, an equal elapsed time."""
    fields = dict(fields)
    seconds = fields.pop("seconds", None)
    if seconds is not None:
        fields.setdefault("usage", usage(seconds))
        fields.setdefault("elapsed_ms", int(seconds * 1000))
    if fields.get("elapsed_ms", 0) is None:
        del fields["elapsed_ms"]
    return fields
