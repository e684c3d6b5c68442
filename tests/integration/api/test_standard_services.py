"""The services of the gRPC standards: reflection, health and channelz, as tools ask them."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool
from grpc_channelz.v1 import channelz_pb2, channelz_pb2_grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from tests.integration.api.installation import ADMIN_KEY, Installation

OURS = ("tollgate.v1.CallAuthorizationService", "tollgate.v1.BillingService")
AUTHORIZED = (("authorization", f"Bearer {ADMIN_KEY}"),)


async def reflected(installation: Installation, **question: Any) -> Any:
    """The one reply of the reflection service, which needs no key."""

    async def ask() -> AsyncIterator[Any]:
        yield reflection_pb2.ServerReflectionRequest(**question)

    stub: Any = reflection_pb2_grpc.ServerReflectionStub(installation.channel)
    [reply] = [reply async for reply in stub.ServerReflectionInfo(ask())]
    return reply


async def test_reflection_lists_the_services(installation: Installation) -> None:
    reply = await reflected(installation, list_services="")
    assert set(OURS) <= {service.name for service in reply.list_services_response.service}


@pytest.mark.parametrize(
    ("symbol", "is_known"),
    [
        ("tollgate.v1.CallAuthorizationService.Charge", True),
        ("tollgate.v1.ChargeRequest", True),
        ("tollgate.v1.CallAuthorizationService.Nothing", False),
        ("Nothing", False),
    ],
)
async def test_reflection_finds_methods_by_name(
    installation: Installation, symbol: str, is_known: bool
) -> None:
    reply = await reflected(installation, file_containing_symbol=symbol)
    assert reply.HasField("file_descriptor_response") is is_known
    assert reply.HasField("error_response") is not is_known


@pytest.mark.parametrize("service", OURS)
async def test_reflection_tells_all_that_a_client_needs_to_call_a_service(
    installation: Installation, service: str
) -> None:
    reply = await reflected(installation, file_containing_symbol=service)
    pool, wanted = (
        descriptor_pool.DescriptorPool(),
        [*reply.file_descriptor_response.file_descriptor_proto],
    )
    files = {}
    while wanted:
        file = descriptor_pb2.FileDescriptorProto.FromString(wanted.pop())
        files[file.name] = file
        for name in set(file.dependency) - set(files):
            more = await reflected(installation, file_by_filename=name)
            wanted += more.file_descriptor_response.file_descriptor_proto
    while files:
        ready = [n for n, file in files.items() if not set(file.dependency) & set(files)]
        for name in ready:
            pool.Add(files.pop(name))
    assert pool.FindServiceByName(service).methods


async def test_health_is_told_without_a_key(installation: Installation) -> None:
    stub: Any = health_pb2_grpc.HealthStub(installation.channel)
    for service in ("", *OURS):
        reply = await stub.Check(health_pb2.HealthCheckRequest(service=service))
        assert reply.status == health_pb2.HealthCheckResponse.SERVING


async def test_channelz_shows_the_server_to_an_administrator(installation: Installation) -> None:
    stub: Any = channelz_pb2_grpc.ChannelzStub(installation.channel)
    reply = await stub.GetServers(channelz_pb2.GetServersRequest(), metadata=AUTHORIZED)
    assert reply.server
