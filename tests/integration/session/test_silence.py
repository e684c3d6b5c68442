"""A gateway that is gone without a word: its connection stays, and nothing comes over it."""

import grpc
import pytest

from server import grpc_server
from tests.integration.api.conftest import Install
from tests.integration.api.gateway import Gateway
from tests.integration.api.installation import ADMIN_KEY
from tests.integration.api.stream import server_side, stream
from tests.integration.session.careful import address_through
from tests.keepalive import sooner
from tests.proxy import Proxy, Upstream
from tollgate_client.session import place


async def test_a_gateway_that_falls_silent_loses_its_stream_and_none_of_its_calls(
    install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grpc_server, "OPTIONS", sooner(grpc_server.OPTIONS))
    async with (
        install() as installation,
        Proxy(Upstream.of(f"grpc://{installation.address}")) as proxy,
        grpc.aio.insecure_channel(address_through(proxy)) as half_open,
        stream(half_open, ADMIN_KEY) as silent,
        stream(installation.channel, ADMIN_KEY) as alive,
    ):
        await installation.tenant("acme", balance=1_000_000)
        gateway = Gateway(installation.admin)
        await silent.ask(gateway.authorization("left"))
        await alive.ask(gateway.authorization("kept"))
        assert len(installation.parts.sessions) == 2
        proxy.hold()
        side = await server_side(installation)
        assert list(side.carried("acme")) == ["kept"]
        # Whoever answers pings is served on, and may take over the call that was left.
        kept, left = await alive.ask(gateway.report("kept", 10), gateway.report("left", 10))
        assert (kept.charge.charged_micros, left.charge.charged_micros) == (10_000, 10_000)


def test_the_client_library_pings_no_faster_than_the_server_permits() -> None:
    assert dict(place.OPTIONS)["grpc.keepalive_time_ms"] > grpc_server.FASTEST_PING_MS
