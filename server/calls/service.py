"""CallAuthorizationService over gRPC: checks the key's reach and hands on to the desk."""

from typing import Any

from server.calls.desk import CallDesk
from server.calls.lookup import CallLookup
from server.calls.masking import mask_call
from server.calls.session.parts import SessionParts
from server.calls.session.stream import Session
from server.interceptors.principal import current_principal
from tollgate.v1 import call_authorization_pb2 as pb
from tollgate.v1 import call_authorization_pb2_grpc as pb_grpc


class CallAuthorizationService(pb_grpc.CallAuthorizationServiceServicer):
    """Translates; decides nothing."""

    def __init__(self, desk: CallDesk, lookup: CallLookup, sessions: SessionParts) -> None:
        self._desk, self._lookup, self._sessions = desk, lookup, sessions

    async def Authorize(self, request: pb.AuthorizeRequest, context: Any) -> pb.AuthorizeResponse:
        current_principal().require(request.tenant_id)
        return await self._desk.authorize(request)

    async def Charge(self, request: pb.ChargeRequest, context: Any) -> pb.ChargeResponse:
        current_principal().require(request.tenant_id)
        return await self._desk.charge(request)

    async def Settle(self, request: pb.SettleRequest, context: Any) -> pb.SettleResponse:
        current_principal().require(request.tenant_id)
        return await self._desk.settle_and_wait(request)

    async def Session(self, request_iterator: Any, context: Any) -> None:  # type: ignore[override]
        await Session(self._sessions, current_principal(), context).run()

    async def GetCall(self, request: pb.GetCallRequest, context: Any) -> pb.GetCallResponse:
        current_principal().require(request.tenant_id)
        reply = await self._lookup.get(request)
        mask_call(reply.call)
        return reply

    async def ListActiveCalls(
        self, request: pb.ListActiveCallsRequest, context: Any
    ) -> pb.ListActiveCallsResponse:
        current_principal().require(request.tenant_id)
        reply = await self._lookup.list_active(request)
        for call in reply.calls:
            mask_call(call)
        return reply

    async def EndCall(self, request: pb.EndCallRequest, context: Any) -> pb.EndCallResponse:
        current_principal().require(request.tenant_id)
        return await self._lookup.end(request)
