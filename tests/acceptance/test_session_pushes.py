"""Two worker processes push to each other's streams."""

import os
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, suppress
from itertools import chain, permutations
from pathlib import Path
from typing import Any, NamedTuple

from redis.asyncio import Redis

from quota.keys import changes_channel
from tests.acceptance.conftest import Deploy, Deployment
from tests.acceptance.streams import own_channel, prepared
from tests.integration.api.client import Client
from tests.integration.api.gateway import Gateway
from tests.integration.api.installation import ADMIN_KEY, eventually, fresh_id
from tests.integration.api.stream import Stream, stream
from tollgate.v1 import billing_pb2 as billing
from tollgate.v1 import call_authorization_pb2 as pb

EACH_CARRIES, MOST_STREAMS = 2, 40
TABLES = ("/proc/net/tcp", "/proc/net/tcp6")
ESTABLISHED = "01"
SHARED = "shared"


class Line(NamedTuple):
    """A stream with a call, and unary requests on the same connection: to the same worker."""

    call_id: str
    session: Stream
    unary: Client


async def test_two_worker_processes_push_to_each_others_streams(deploy: Deploy) -> None:
    async with deploy(workers=2) as deployment, AsyncExitStack() as stack:
        gateway = await prepared(deployment, balance=100_000_000)
        pids = await deployment.server.worker_pids(2)
        await all_listen(deployment, len(pids))
        lines = await lines_by_worker(deployment, pids, stack)
        everywhere = list(chain.from_iterable(lines.values()))
        for line in everywhere:
            # One more call is carried by all streams, as one that moved from one to the next.
            starts = gateway.authorization(line.call_id), gateway.authorization(SHARED)
            for result in await line.session.ask(*starts):
                assert result.authorize.decision == pb.DECISION_ACCEPTED
        for line in (first for first, *_ in lines.values()):
            await top_up(line.unary)
            for each in everywhere:
                assert await each.session.push(each.call_id) == pb.DIRECTIVE_REPORT_NOW
                assert await each.session.push(SHARED) == pb.DIRECTIVE_REPORT_NOW
        for (there, *_), here in permutations(lines.values()):
            for line in here:
                await Gateway(there.unary).end(line.call_id)
                assert await line.session.push(line.call_id) == pb.DIRECTIVE_HANG_UP
        await gateway.end(SHARED)
        for line in everywhere:
            assert await line.session.push(SHARED) == pb.DIRECTIVE_HANG_UP
            assert not line.session.pushes


async def all_listen(deployment: Deployment, workers: int) -> None:
    """Waits until so many workers would hear of changes."""
    channel = changes_channel(0)
    async with Redis.from_url(f"unix://{deployment.server.state_dir}/valkey.sock") as client:

        async def hear() -> bool:
            asked: Any = client.pubsub_shardnumsub(channel)
            [(_, count)] = await asked
            return bool(count == workers)

        await eventually(hear)


async def lines_by_worker(
    deployment: Deployment, pids: Sequence[int], stack: AsyncExitStack
) -> dict[int, list[Line]]:
    """Opens streams until each worker carries some."""
    lines: dict[int, list[Line]] = {pid: [] for pid in pids}
    for number in range(MOST_STREAMS):
        if min(map(len, lines.values())) >= EACH_CARRIES:
            return lines
        before = {pid: served(deployment, pid) for pid in pids}
        channel = await stack.enter_async_context(own_channel(deployment))
        session = await stack.enter_async_context(stream(channel, ADMIN_KEY))
        await session.call.wait_for_connection()
        [carries] = [pid for pid in pids if served(deployment, pid) - before[pid]]
        lines[carries].append(Line(f"c{number}", session, Client(channel, ADMIN_KEY)))
    raise AssertionError(f"of {MOST_STREAMS} streams one worker carries hardly any")


def served(deployment: Deployment, pid: int) -> set[str]:
    """The connections of clients that a process serves, by their sockets' numbers."""
    _, _, port = deployment.server.address.rpartition(":")
    rows = [row.split() for table in TABLES for row in Path(table).read_text().splitlines()]
    own = f":{int(port):04X}"
    open_ones = {row[9] for row in rows if row[1].endswith(own) and row[3] == ESTABLISHED}
    return open_ones & set(sockets(pid))


def sockets(pid: int) -> Iterator[str]:
    """The numbers of the sockets that a process has open."""
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed in between
            yield os.readlink(descriptor).removeprefix("socket:[").removesuffix("]")


async def top_up(client: Client) -> None:
    """Credits the tenant a little."""
    request = billing.AdjustBalanceRequest(
        request_id=fresh_id(), tenant_id="acme", amount_micros=1, reason="by hand"
    )
    await client(request)
