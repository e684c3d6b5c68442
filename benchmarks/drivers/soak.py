"""Many calls at once on a few streams that are cut again and again, as a careful gateway does it.

`python -m benchmarks.drivers.soak`: each call is authorized, reported every few seconds and settled
until it is POSTED; after a cut everything that was not answered is told again.
"""

import asyncio
import heapq
import random
import time
from collections import Counter
from dataclasses import dataclass
from enum import Enum
from typing import Any

import grpc

from benchmarks.drivers.job import Job, Target, drive
from benchmarks.drivers.streams import raw_call
from benchmarks.rig import messages
from tollgate.v1 import call_authorization_pb2 as pb
from tollgate.v1 import common_pb2

TICK_S, REPEAT_S, FINISH_S, PAUSE_S = 0.1, 2.0, 60.0, 0.2
MOST_OPERATIONS = 500


@dataclass(frozen=True)
class SoakJob(Job):
    """So many calls run at once; streams are cut after `cut_s` on average."""

    target: Target
    calls: int
    streams: int
    seconds: float
    report_s: float
    call_s: float
    cut_s: float
    seed: int


class Phase(Enum):
    """Where the driver is with a call."""

    OPENING = 1
    RUNNING = 2
    CLOSING = 3


class Call:
    """One call, and what was heard of it. `due` is when it has something to tell next."""

    __slots__ = ("call_id", "charged", "due", "ends_at", "phase", "step", "tenant_id")

    def __init__(self, tenant_id: str, call_id: str, ends_at: float) -> None:
        self.tenant_id, self.call_id, self.ends_at = tenant_id, call_id, ends_at
        self.phase, self.step, self.charged, self.due = Phase.OPENING, 1, 0, 0.0


class Gateway:
    """What all lanes share."""

    def __init__(self, job: SoakJob) -> None:
        self.job, self.counts = job, Counter[str]()
        self.chance = random.Random(job.seed)
        self.ends_at = time.monotonic() + job.seconds
        self.charged_micros = 0
        self._born = 0

    @property
    def over(self) -> bool:
        """Whether no further call begins."""
        return time.monotonic() >= self.ends_at

    def new_call(self) -> Call:
        """A call of a random length."""
        self._born += 1
        self.counts["started"] += 1
        tenants = self.job.tenants
        length_s = self.chance.expovariate(1 / self.job.call_s)
        call_id = f"{self.job.prefix}-{self._born:08}"
        tenant_id = tenants[self._born % len(tenants)]
        return Call(tenant_id, call_id, time.monotonic() + length_s)


class Lane:
    """The calls of one stream, and the stream, again and again."""

    def __init__(self, gateway: Gateway, channel: grpc.aio.Channel, calls: int) -> None:
        self._gateway, self._channel = gateway, channel
        self._calls: dict[int, Call] = {}
        self._agenda: list[tuple[float, int]] = []
        self._asked: dict[int, tuple[int, Call]] = {}
        self._names = self._ids = 0
        for _ in range(calls):
            # Spread over the first interval, or they would all speak at once for ever.
            self._begin(gateway.chance.random() * gateway.job.report_s)

    async def run(self) -> None:
        """Until all calls are posted."""
        counts = self._gateway.counts
        while self._calls:
            call = raw_call(self._channel, self._gateway.job.key)
            reading = asyncio.create_task(self._read(call))
            try:
                await self._speak(call, reading)
            except (grpc.aio.AioRpcError, asyncio.InvalidStateError):
                counts["broken"] += 1
            finally:
                call.cancel()
                reading.cancel()
                await asyncio.gather(reading, return_exceptions=True)
            self._tell_all_again()
            await asyncio.sleep(PAUSE_S)

    async def _speak(self, call: Any, reading: asyncio.Task[None]) -> None:
        """Writes what is due until the stream is to be cut, or ends."""
        gateway = self._gateway
        cut_at = time.monotonic() + gateway.chance.expovariate(1 / gateway.job.cut_s)
        while self._calls and not reading.done():
            now = time.monotonic()
            if now >= cut_at and not gateway.over:
                gateway.counts["cuts"] += 1
                return
            operations = self._due(now)
            if operations:
                request = pb.SessionRequest(operations=operations)
                await call.write(request.SerializeToString())
            if len(operations) < MOST_OPERATIONS:
                await asyncio.sleep(TICK_S)

    async def _read(self, call: Any) -> None:
        while (data := await call.read()) is not grpc.aio.EOF:
            response = pb.SessionResponse.FromString(data)
            for push in response.pushes:
                self._gateway.counts[f"push {pb.Directive.Name(push.directive)}"] += 1
            for result in response.results:
                self._hear(result)

    # What is told

    def _due(self, now: float) -> list[pb.Operation]:
        operations: list[pb.Operation] = []
        while self._agenda and self._agenda[0][0] <= now and len(operations) < MOST_OPERATIONS:
            due, name = heapq.heappop(self._agenda)
            call = self._calls.get(name)
            if call is None or call.due != due:
                continue
            self._ids += 1
            self._asked[self._ids] = (name, call)
            operations.append(self._operation(self._ids, call, now))
            self._plan(name, call, now + REPEAT_S)
        return operations

    def _operation(self, operation_id: int, call: Call, now: float) -> pb.Operation:
        name = (call.tenant_id, call.call_id)
        gateway = self._gateway
        gateway.counts["operations"] += 1
        if call.phase is Phase.OPENING:
            return pb.Operation(id=operation_id, authorize=messages.authorize(*name))
        if gateway.over or now >= call.ends_at:
            call.phase = Phase.CLOSING
        if call.phase is Phase.CLOSING:
            return pb.Operation(id=operation_id, settle=messages.settle(*name, call.step))
        return pb.Operation(id=operation_id, charge=messages.charge(*name, call.step))

    # What is heard

    def _hear(self, result: pb.OperationResult) -> None:
        name, call = self._asked.get(result.id, (0, None))
        if call is None:
            return
        if self._calls.get(name) is not call:  # posted already
            del self._asked[result.id]
            return
        if not result.HasField("settle"):
            del self._asked[result.id]
        counts, now = self._gateway.counts, time.monotonic()
        if result.HasField("error"):
            counts[f"error {result.error.code}"] += 1
            return  # it is told again
        if result.HasField("authorize"):
            good = result.authorize.decision == pb.DECISION_ACCEPTED
            counts["accepted" if good else "refused"] += 1
            if call.phase is Phase.OPENING:
                call.phase = Phase.RUNNING
                self._plan(name, call, now + self._gateway.job.report_s)
        elif result.HasField("charge"):
            counts[pb.Directive.Name(result.charge.directive)] += 1
            if call.phase is Phase.RUNNING:
                call.step += 1
                self._plan(name, call, now + self._gateway.job.report_s)
        elif result.settle.settlement == common_pb2.SETTLEMENT_POSTED:
            self._finish(name, result.settle.charged_micros)

    def _finish(self, name: int, charged_micros: int) -> None:
        gateway = self._gateway
        gateway.counts["posted"] += 1
        gateway.charged_micros += charged_micros
        del self._calls[name]
        if not gateway.over:
            self._begin(0.0)

    # The agenda

    def _begin(self, after_s: float) -> None:
        self._names += 1
        call = self._calls[self._names] = self._gateway.new_call()
        self._plan(self._names, call, time.monotonic() + after_s)

    def _plan(self, name: int, call: Call, due: float) -> None:
        call.due = due
        heapq.heappush(self._agenda, (due, name))

    def _tell_all_again(self) -> None:
        """After a cut nobody knows what arrived: every call speaks at once."""
        self._asked.clear()
        self._agenda.clear()
        now = time.monotonic()
        for name, call in self._calls.items():
            self._plan(name, call, now)


async def run(job: SoakJob) -> dict[str, object]:
    """How often what happened, and the money that the settlements told."""
    gateway = Gateway(job)
    options = [("grpc.use_local_subchannel_pool", 1)]
    channels = [grpc.aio.insecure_channel(job.target.address, options) for _ in range(job.streams)]
    try:
        lanes = [Lane(gateway, channel, job.calls // job.streams) for channel in channels]
        async with asyncio.timeout(job.seconds + FINISH_S), asyncio.TaskGroup() as group:
            for lane in lanes:
                group.create_task(lane.run())
    finally:
        for channel in channels:
            await channel.close()
    return {"counts": gateway.counts, "charged_micros": gateway.charged_micros}


if __name__ == "__main__":
    drive(SoakJob, run)
