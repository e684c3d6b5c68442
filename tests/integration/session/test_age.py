"""A stream lasts as long as both sides do, whatever the age of its connection."""

import asyncio

import grpc
import pytest

from server import grpc_server
from tests.integration.api.conftest import Install
from tests.integration.api.installation import ADMIN_KEY
from tests.integration.api.stream import stream
from tollgate.v1 import billing_pb2
from tollgate.v1 import call_authorization_pb2 as pb

TIMES_FASTER = 12_000
OLD_S = 1.5  # five times the age at which connections are old


async def test_a_stream_outlives_the_age_of_its_connection(
    install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    aged = [
        (name, value // TIMES_FASTER if "connection_age" in name else value)
        for name, value in grpc_server.OPTIONS
    ]
    assert ("grpc.max_connection_age_ms", 300) in aged
    monkeypatch.setattr(grpc_server, "OPTIONS", aged)
    async with (
        install() as installation,
        grpc.aio.insecure_channel(installation.address) as channel,
        stream(channel, ADMIN_KEY) as session,
    ):
        ends_at = asyncio.get_running_loop().time() + OLD_S
        while asyncio.get_running_loop().time() < ends_at:
            [answer] = await session.ask(pb.ChargeRequest(tenant_id="acme", call_id="nobodys"))
            assert answer.charge.directive == pb.DIRECTIVE_REAUTHORIZE
            # Other requests of the same client go to a new connection.
            await installation.admin(billing_pb2.ListTenantsRequest())
