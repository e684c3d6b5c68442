"""Requests to a server under one key, and what it tells when it fails."""

from collections.abc import Callable
from typing import Any, NamedTuple

import grpc
import pytest
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

from tollgate.v1 import (
    billing_pb2,
    billing_pb2_grpc,
    call_authorization_pb2,
    call_authorization_pb2_grpc,
)

SERVICES = (
    call_authorization_pb2.DESCRIPTOR.services_by_name["CallAuthorizationService"],
    billing_pb2.DESCRIPTOR.services_by_name["BillingService"],
)


class Told(NamedTuple):
    """An error as clients read it: the status, ErrorInfo's reason, and the first wrong field."""

    code: grpc.StatusCode
    reason: str
    field: str = ""


class Client:
    """Sends each request to the method that takes it: `await client(pb.GetCallRequest(...))`."""

    def __init__(self, channel: grpc.aio.Channel, api_key: str) -> None:
        self._metadata = (("authorization", f"Bearer {api_key}"),)
        stubs: list[tuple[Any, Any]] = [
            (SERVICES[0], call_authorization_pb2_grpc.CallAuthorizationServiceStub(channel)),
            (SERVICES[1], billing_pb2_grpc.BillingServiceStub(channel)),
        ]
        self._streaming = {
            method.input_type.full_name
            for service, _ in stubs
            for method in service.methods
            if method.server_streaming
        }
        self._methods: dict[str, Callable[..., Any]] = {
            method.input_type.full_name: getattr(stub, method.name)
            for service, stub in stubs
            for method in service.methods
        }

    async def __call__(self, request: Message, timeout_s: float = 10.0) -> Any:
        """The reply, or all replies of a stream. Raises grpc.aio.AioRpcError."""
        if request.DESCRIPTOR.full_name in self._streaming:
            return [reply async for reply in self.stream(request, timeout_s)]
        method = self._methods[request.DESCRIPTOR.full_name]
        return await method(request, metadata=self._metadata, timeout=timeout_s)

    async def close(self) -> None:
        """Nothing stays open between unary requests."""

    def stream(self, request: Message, timeout_s: float = 10.0) -> Any:
        """The call of a method whose replies stream."""
        method = self._methods[request.DESCRIPTOR.full_name]
        return method(request, metadata=self._metadata, timeout=timeout_s)

    async def error(self, request: Message) -> grpc.aio.AioRpcError:
        """The error that a request must end with."""
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await self(request)
        return caught.value

    async def told(self, request: Message) -> Told:
        """What is told of a request that must fail."""
        return told(await self.error(request))


def told(error: grpc.aio.AioRpcError) -> Told:
    """The status and its details; every error of ours has them."""
    info, metadata = error_details_pb2.ErrorInfo(), dict(error.trailing_metadata() or ())
    packed = metadata.get("grpc-status-details-bin")
    assert isinstance(packed, bytes), f"no details: {error.code()} {error.details()}"
    assert status_pb2.Status.FromString(packed).details[0].Unpack(info)
    assert info.domain == "tollgate"
    return Told(error.code(), info.reason, info.metadata.get("field", ""))
