"""Load that does not wait for answers: latency counts from when each request was due.

`python -m benchmarks.drivers.open_loop` sends unary charges, or messages of `size` charges on
streams when `size` is not 0. Without a rate it finds how many charges are answered a second at
most, with a fixed number of requests in flight.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

import grpc

from benchmarks.drivers.job import Job, Target, drive
from benchmarks.drivers.streams import Reports, Stream, Unserved, names, open_calls, streams
from benchmarks.figures import percentile
from benchmarks.rig import messages
from benchmarks.rig.alarm import Alarm
from benchmarks.rig.schedule import arrivals, latencies
from tollgate.v1 import call_authorization_pb2 as pb

SHARES = {"p50_ms": 0.5, "p90_ms": 0.9, "p99_ms": 0.99, "p99.9_ms": 0.999, "max_ms": 1.0}
CHANNELS = 4
# Requests that may be unanswered before the rest is given up as not sent.
MOST_IN_FLIGHT = 5_000
LEAD_S, PATIENCE_S, WARM_UP_S = 0.05, 10.0, 0.5
CURVE_POINTS = 200
WARM_UP_RATE_SHARE = 0.5

# What the service's limiter says, and what gRPC itself says when its own backlog is full.
TURNED_AWAY = frozenset({grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.CANCELLED})

Send = Callable[[int], Awaitable[None]]


class NotAnswered(Exception):
    """The server turned the request away: it counts against the percentiles."""


@dataclass(frozen=True)
class OpenLoopJob(Job):
    """`rate` is in charges a second; 0 asks for the saturation."""

    target: Target
    size: int
    calls: int
    rate: float
    seconds: float
    in_flight: int
    seed: int


async def run(job: OpenLoopJob) -> dict[str, Any]:
    """The figures, and the latencies by share for a curve."""
    async with _sender(job) as send:
        if not job.rate:
            return {"charges_per_s": await _saturate(job, send)}
        each = max(1, job.size)
        await _on_schedule(arrivals(job.rate / each * WARM_UP_RATE_SHARE, WARM_UP_S, 0), send)
        due = arrivals(job.rate / each, job.seconds, job.seed)
        return _figures(job, due, *await _on_schedule(due, send))


def _figures(
    job: OpenLoopJob, due: Sequence[float], sent: list[float | None], came: list[float | None]
) -> dict[str, Any]:
    took, late = latencies(due, came, PATIENCE_S), latencies(due, sent, PATIENCE_S)
    answered = [each for each in came if each is not None]
    figures = {name: percentile(took, share) * 1000 for name, share in SHARES.items()}
    figures |= {
        "charges_per_s": len(answered) * max(1, job.size) / max(*answered, job.seconds),
        "unanswered": float(len(due) - len(answered)),
        "sent_late_p99_ms": percentile(late, 0.99) * 1000,
    }
    shares = [i / CURVE_POINTS for i in range(1, CURVE_POINTS)] + [0.999, 0.9999]
    curve = [(share, percentile(took, share) * 1000) for share in shares]
    return {"figures": figures, "curve": curve}


async def _saturate(job: OpenLoopJob, send: Send) -> float:
    ends_at, sent, each = time.monotonic() + job.seconds, 0, max(1, job.size)

    async def go_on() -> None:
        nonlocal sent
        while time.monotonic() < ends_at:
            sent += 1
            await send(sent)

    started = time.monotonic()
    async with asyncio.TaskGroup() as group:
        for _ in range(job.in_flight):
            group.create_task(go_on())
    return sent * each / (time.monotonic() - started)


async def _on_schedule(
    due: Sequence[float], send: Send
) -> tuple[list[float | None], list[float | None]]:
    """When each was sent and answered, from the start; None where it was not."""
    sent, came = [list[float | None]([None] * len(due)) for _ in range(2)]
    running, failures = set[asyncio.Task[None]](), list[BaseException]()
    start = time.monotonic() + LEAD_S

    async def ask(number: int) -> None:
        sent[number] = time.monotonic() - start
        with suppress(NotAnswered):
            await send(number)
            came[number] = time.monotonic() - start

    def done(task: asyncio.Task[None]) -> None:
        running.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            failures.append(error)

    with Alarm() as alarm:
        for number, at in enumerate(due):
            await alarm.until(start + at)
            if len(running) >= MOST_IN_FLIGHT:
                break
            task = asyncio.create_task(ask(number))
            running.add(task)
            task.add_done_callback(done)
    if running:
        await asyncio.wait(running, timeout=PATIENCE_S)
    for task in running:
        task.cancel()
    if failures:
        raise failures[0]
    return sent, came


@asynccontextmanager
async def _sender(job: OpenLoopJob) -> AsyncIterator[Send]:
    """What sends the next distinct request and returns when it was answered well."""
    calls = names(job.tenants, job.prefix, job.calls)
    async with streams(job.target.address, job.key, CHANNELS) as opened:
        portions = [calls[i::CHANNELS] for i in range(CHANNELS)]
        await asyncio.gather(*map(open_calls, opened, portions))
        if job.size:
            async with _messages(job, opened, portions) as send:
                yield send
            return
    async with _requests(job, calls) as send:
        yield send


@asynccontextmanager
async def _requests(job: OpenLoopJob, calls: Sequence[tuple[str, str]]) -> AsyncIterator[Send]:
    metadata = (("authorization", f"Bearer {job.key}"),)
    options = [("grpc.use_local_subchannel_pool", 1)]
    position = 0
    async with AsyncExitStack() as stack:
        asks: list[Any] = []
        for _ in range(CHANNELS):
            channel = grpc.aio.insecure_channel(job.target.address, options)
            await stack.enter_async_context(channel)
            asks.append(
                channel.unary_unary(
                    f"/{messages.SERVICE}/Charge",
                    request_serializer=pb.ChargeRequest.SerializeToString,
                    response_deserializer=pb.ChargeResponse.FromString,
                )
            )

        async def send(number: int) -> None:
            nonlocal position
            step, index = divmod(position, len(calls))
            position += 1
            request = messages.charge(*calls[index], step + 1)
            ask, began = asks[number % CHANNELS], time.monotonic()
            try:
                reply = await ask(request, metadata=metadata, timeout=PATIENCE_S)
            except grpc.aio.AioRpcError as error:
                if error.code() in TURNED_AWAY:
                    raise NotAnswered from error
                took_ms = (time.monotonic() - began) * 1000
                told = f"{error.code().name} after {took_ms:,.0f} ms: {error.details()}"
                raise Unserved(told) from error
            if reply.directive != pb.DIRECTIVE_CONTINUE:
                raise Unserved(f"a call was not served: {reply}")

        yield send


@asynccontextmanager
async def _messages(
    job: OpenLoopJob, opened: Sequence[Stream], portions: Sequence[Sequence[tuple[str, str]]]
) -> AsyncIterator[Send]:
    """The last operation of a message is answered last: its id tells that the message is done."""
    pairs = zip(opened, portions, strict=True)
    lanes = [_Lane(stream, Reports(mine), job.size) for stream, mine in pairs]
    tasks = [asyncio.create_task(lane.read()) for lane in lanes]

    async def send(number: int) -> None:
        await lanes[number % len(lanes)].ask()

    try:
        yield send
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class _Lane:
    """A stream on which messages are asked, in the order in which they are told."""

    def __init__(self, stream: Stream, reports: Reports, size: int) -> None:
        self._stream, self._reports, self._size = stream, reports, size
        self._last_id = 0
        self._waiting: dict[int, asyncio.Future[None]] = {}
        self._turn = asyncio.Lock()

    async def ask(self) -> None:
        """Send the next message and wait until it is answered."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        async with self._turn:
            self._last_id += self._size
            self._waiting[self._last_id] = future
            await self._stream.write(self._reports.message(self._size))
        await future

    async def read(self) -> None:
        """Read replies for ever. What goes wrong is told to all who wait."""
        try:
            while True:
                for result in (await self._stream.read()).results:
                    future = self._waiting.pop(result.id, None)
                    if future is not None and not future.done():
                        future.set_result(None)
        except Exception as error:
            for future in self._waiting.values():
                if not future.done():
                    future.set_exception(error)


if __name__ == "__main__":
    drive(OpenLoopJob, run)
