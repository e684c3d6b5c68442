"""Unary requests of distinct calls, a fixed number in flight, latencies taken.

`python -m benchmarks.drivers.unary` answers with figures by method.
"""

import asyncio
import time
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import grpc

from benchmarks.drivers.job import Job, Target, drive
from benchmarks.figures import percentile
from benchmarks.rig import messages
from benchmarks.rig.processor import Stopwatch
from tollgate.v1 import call_authorization_pb2 as pb
from tollgate.v1 import call_authorization_pb2_grpc as pb_grpc

TIMEOUT_S = 10.0
WARM_UP_CALLS = 100


@dataclass(frozen=True)
class UnaryJob(Job):
    """`calls` calls are authorized, charged so often, and settled, phase by phase."""

    target: Target
    calls: int
    charges_per_call: int
    concurrency: int
    channels: int


Phase = tuple[str, list[Any]]


def phases(job: UnaryJob, prefix: str, calls: int) -> list[Phase]:
    """The methods in their order, each with all its requests, made before the clock runs."""
    named = [(job.tenants[i % len(job.tenants)], f"{prefix}-{i:06}") for i in range(calls)]
    steps = range(1, job.charges_per_call + 1)
    return [
        ("Authorize", [messages.authorize(*name) for name in named]),
        ("Charge", [messages.charge(*name, step) for step in steps for name in named]),
        ("Settle", [messages.settle(*name, steps[-1]) for name in named]),
    ]


def is_good(reply: Any) -> bool:
    """Whether a reply let the call go on, or closed it."""
    if isinstance(reply, pb.AuthorizeResponse):
        return reply.decision == pb.DECISION_ACCEPTED
    if isinstance(reply, pb.ChargeResponse):
        return reply.directive == pb.DIRECTIVE_CONTINUE
    return isinstance(reply, pb.SettleResponse) and bool(reply.settlement)


class Gateway:
    """A few connections to one server."""

    def __init__(self, job: UnaryJob, channels: Sequence[grpc.aio.Channel]) -> None:
        self._job = job
        self._stubs = [pb_grpc.CallAuthorizationServiceStub(each) for each in channels]
        self._metadata = (("authorization", f"Bearer {job.key}"),)

    async def drive(self, phase: Phase) -> dict[str, float]:
        """Send a phase's requests and measure. An error or a refusal raises."""
        method, requests = phase
        waiting, latencies_s = iter(requests), list[float]()
        stopwatch, own = Stopwatch(self._job.target.watched), time.process_time()
        started = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for number in range(self._job.concurrency):
                stub = self._stubs[number % len(self._stubs)]
                group.create_task(self._send(getattr(stub, method), waiting, latencies_s))
        elapsed_s = time.perf_counter() - started
        latencies_s.sort()
        return {
            "requests_per_s": len(requests) / elapsed_s,
            "p50_ms": percentile(latencies_s, 0.5) * 1000,
            "p99_ms": percentile(latencies_s, 0.99) * 1000,
            **stopwatch.figures(len(requests)),
            "driver_cpu_us": (time.process_time() - own) * 1e6 / len(requests),
        }

    async def _send(self, ask: Any, waiting: Iterator[Any], latencies_s: list[float]) -> None:
        for request in waiting:
            before = time.perf_counter()
            reply = await ask(request, metadata=self._metadata, timeout=TIMEOUT_S)
            latencies_s.append(time.perf_counter() - before)
            if not is_good(reply):
                raise RuntimeError(f"a call was not served: {reply}")


async def run(job: UnaryJob) -> dict[str, dict[str, float]]:
    """The figures of each method."""
    options = [("grpc.use_local_subchannel_pool", 1)]
    async with AsyncExitStack() as stack:
        channels = [
            await stack.enter_async_context(grpc.aio.insecure_channel(job.target.address, options))
            for _ in range(job.channels)
        ]
        gateway = Gateway(job, channels)
        for phase in phases(job, f"{job.prefix}-warm", WARM_UP_CALLS):
            await gateway.drive(phase)
        prepared = phases(job, job.prefix, job.calls)
        return {phase[0]: await gateway.drive(phase) for phase in prepared}


if __name__ == "__main__":
    drive(UnaryJob, run)
