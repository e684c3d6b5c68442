"""Streams to real processes, each on a connection of its own, so that any worker may carry it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc

from tests.acceptance.conftest import Deployment
from tests.integration.api.gateway import Gateway
from tests.integration.api.installation import ADMIN_KEY, clock_tariff
from tests.integration.api.stream import Stream, stream
from tollgate.v1 import billing_pb2 as billing

OWN_CONNECTION = [("grpc.use_local_subchannel_pool", 1)]


async def prepared(deployment: Deployment, balance: int = 1_000_000) -> Gateway:
    """A gateway of a tenant on the clock tariff."""
    put = billing.PutTariffRequest(request_id="clock-1", tariff=clock_tariff())
    await deployment.admin(put)
    await deployment.tenant(balance=balance)
    return Gateway(deployment.admin)


@asynccontextmanager
async def own_channel(deployment: Deployment) -> AsyncIterator[grpc.aio.Channel]:
    """A channel with a connection of its own: the kernel spreads these over the workers."""
    address = deployment.server.address
    async with grpc.aio.insecure_channel(address, options=OWN_CONNECTION) as channel:
        yield channel


@asynccontextmanager
async def connected(deployment: Deployment) -> AsyncIterator[Stream]:
    """A stream on a connection of its own."""
    async with own_channel(deployment) as channel, stream(channel, ADMIN_KEY) as session:
        yield session
