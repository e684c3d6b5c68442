"""Changes that a shard tells of: something outside running calls has changed their fate.

They travel by sharded publish/subscribe (`SPUBLISH`, Redis 7), which works on one server, behind
Sentinel and in a cluster alike. They carry no money, and one that is lost is made good by the
next reply to the call.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import msgpack
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import RedisError

from quota.decision import Change
from quota.errors import StoreUnavailable
from quota.keys import changes_channel
from quota.topology import Topology

# A connection on which nothing was heard for so long is asked whether it is alive.
QUIET_S = 10.0
CONNECT_TIMEOUT_S = 2.0


class FateChange(NamedTuple):
    """Whose fate has changed, and how; without a call id all calls of the tenant are meant."""

    tenant: str
    call_id: str
    change: Change


@asynccontextmanager
async def listening(
    topology: Topology, shard: int
) -> AsyncIterator[AsyncIterator[list[FateChange]]]:
    """Subscribes to a shard; what is told from then on comes in groups.

    Raises StoreUnavailable when the store is away or goes away.
    """
    connection: AbstractConnection | None = None
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            connection = await topology.connect(shard)
            await connection.send_command("SSUBSCRIBE", changes_channel(shard))
            await connection.read_response()
        yield _heard(connection)
    except (RedisError, OSError) as error:  # a time-out is one of the latter
        raise StoreUnavailable(f"Redis gave no answer ({type(error).__name__})") from error
    finally:
        if connection is not None:
            await connection.disconnect(nowait=True)


async def _heard(connection: AbstractConnection) -> AsyncIterator[list[FateChange]]:
    while True:
        message = await _next_message(connection)
        kind = message[0] if isinstance(message, list) else b""  # a pong that says nothing
        if kind == b"smessage":
            yield decode_changes(message[2])
        elif kind == b"sunsubscribe":
            raise StoreUnavailable("the shard has moved to another node")


async def _next_message(connection: AbstractConnection) -> Any:
    """The next message; a half-open connection is noticed by a ping that nobody answers."""
    reading = asyncio.ensure_future(connection.read_response())
    try:
        done, _ = await asyncio.wait([reading], timeout=QUIET_S)
        if not done:
            await connection.send_command("PING", "")
            async with asyncio.timeout(QUIET_S):
                return await asyncio.shield(reading)
        return reading.result()
    finally:
        reading.cancel()


def decode_changes(packed: bytes) -> list[FateChange]:
    """Reads what the script has published."""
    return [
        FateChange(tenant, call_id, Change(change))
        for tenant, call_id, change in msgpack.unpackb(packed)
    ]
