"""How many charges can the store decide, driven directly with packed batches of one size?

The ceiling of everything above it: one function call at a time on one connection, as a worker
sends them, packed before the clock runs, on a store of its own with the service's settings.
"""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgpack
from redis import ConnectionPool
from rich.progress import Progress

from benchmarks.figures import Answer, Figures
from benchmarks.plan import Plan
from benchmarks.rig.processor import Stopwatch
from quota import batch, script
from quota.batch import Header, Status
from quota.decision import Directive
from quota.keys import key, keys
from quota.operation import NONE, Authorize, Charge, Day, Load, Operation
from quota.shard_state import dates_around
from quota.timing import Timing
from server.calls.packing import pack_usage
from server.embedded import EmbeddedValkey

NAME = "packed charges, the store alone"
EPOCH, PIN, MODEL = "1", "standard@1", "gpt-4o-realtime"
MICROS_A_REPORT, CREDIT_MICROS, RESERVE_MICROS = 1_000, 10**14, 60_000
# Packing is bounded too: more batches than this are not prepared for one measurement.
MOST_PREPARED = 60_000
PROBE_BATCHES = 50
FREE_MS = 3_000
GOES_ON = int(Directive.CONTINUE)


async def ask(plan: Plan, place: Path, progress: Progress) -> Answer:
    """Rounds over all sizes, while nothing else runs."""
    steps = progress.add_task(NAME, total=plan.batch_rounds * len(plan.batch_sizes))
    store = EmbeddedValkey(place / "store")
    await store.start()
    try:
        assert store.pid is not None
        shard = Shard(store.url, store.pid, plan.tenants, plan.batch_calls)
        rounds = []
        for _ in range(plan.batch_rounds):
            figures: dict[str, Figures] = {}
            for size in plan.batch_sizes:
                figures[f"batch of {size}"] = await asyncio.to_thread(
                    shard.measure, size, plan.batch_s
                )
                progress.advance(steps)
            rounds.append(figures)
        shard.close()
    finally:
        await store.stop()
    notes = [
        f"the store alone: one connection, one batch in flight, {plan.tenants} tenants, "
        f"{plan.batch_calls} calls, rising usage; packing and unpacking are not counted"
    ]
    return Answer(NAME, notes, rounds)


class Shard:
    """A shard with tenants and running calls, and the next charge of each."""

    def __init__(self, url: str, pid: int, tenants: int, calls: int) -> None:
        self._connection: Any = ConnectionPool.from_url(url).make_connection()
        self._pid = pid
        self._library = script.library()
        now_s = time.time()
        dates = dates_around(now_s)
        self._keys = keys(0)
        timing = Timing(lease_ms=3_600_000)
        self._header = Header(
            EPOCH,
            *(timing.lease_ms, timing.grace_ms, timing.late_window_ms, timing.retention_ms),
            *(timing.reserve_ms, timing.low_water_ms, timing.min_start_ms, timing.max_outbox),
            dates=dates,
        )
        self._day = Day(dates[1], int(now_s * 1000) + 3_600_000, dates[2])
        self._calls = [(f"tenant-{i % tenants:04}", f"call-{i:08}") for i in range(calls)]
        self._step = 0
        self._charges = self._rising()
        self._ask("FUNCTION", "LOAD", self._library.code)
        self._ask("HSET", key(0, "epoch"), "epoch", EPOCH, "n", 0, "posted", 0)
        for first in range(0, len(self._calls), 200):
            self._open(self._calls[first : first + 200])

    def measure(self, size: int, seconds: float) -> dict[str, float]:
        """Charges a second and what each costs the store, in batches of `size`."""
        probe = self._send(self._prepare(size, PROBE_BATCHES))
        count = max(10, min(int(PROBE_BATCHES / probe * seconds), MOST_PREPARED))
        prepared = self._prepare(size, count)
        stopwatch = Stopwatch({"store": self._pid})
        elapsed_s = self._send(prepared)
        return {
            "charges_per_s": count * size / elapsed_s,
            **stopwatch.figures(count * size),
            "batch_ms": elapsed_s / count * 1000,
        }

    def close(self) -> None:
        """Close the connection."""
        self._connection.disconnect()

    def _authorize(self, tenant: str, call_id: str) -> Authorize:
        return Authorize(
            tenant,
            call_id,
            profile_version=0,
            day=self._day,
            pin=PIN,
            model=MODEL,
            parties=b"1\x00+74951234567\x00+78121234567",
            assistant_id="",
            target=RESERVE_MICROS,
            min_start=RESERVE_MICROS // 6,
            fee=0,
            burn=RESERVE_MICROS // 60,
            unknown_model=0,
            has_usage=0,
            total=0,
            weight=0,
            usage=b"",
            elapsed_ms=NONE,
            free_ms=FREE_MS,
        )

    def _rising(self) -> Iterator[Charge]:
        """For ever the next report of each call in turn."""
        while True:
            self._step += 1
            step = self._step
            usage = pack_usage({"llm_input_tokens": 60 * step, "stt_ms": 2_400 * step})
            total, weight, elapsed_ms = MICROS_A_REPORT * step, 2_460 * step, 5_000 * step
            report = (PIN, MODEL, total, weight, usage, elapsed_ms, FREE_MS)
            for tenant, call_id in self._calls:
                yield Charge(tenant, call_id, 0, self._day, *report)

    def _prepare(self, size: int, count: int) -> list[list[bytes]]:
        return [
            self._command(
                self._library.sparing,
                batch.encode(self._header, [next(self._charges) for _ in range(size)]),
            )
            for _ in range(count)
        ]

    def _ask(self, *words: str | int) -> None:
        self._connection.send_command(*words)
        self._connection.read_response()

    def _command(self, function: str, packed: bytes) -> list[bytes]:
        words = ("FCALL", function, len(self._keys), *self._keys, packed)
        command: list[bytes] = self._connection.pack_command(*words)
        return command

    def _send(self, commands: list[list[bytes]]) -> float:
        """Seconds for all of them. Raises unless every charge was decided and went on."""
        connection = self._connection
        replies = []
        started = time.perf_counter()
        for command in commands:
            connection.send_packed_command(command)
            replies.append(connection.read_response())
        elapsed_s = time.perf_counter() - started
        for reply in replies:
            status, *_, results = msgpack.unpackb(reply, raw=True)
            assert status == Status.DECIDED, reply
            assert all(code == 0 and go == GOES_ON for code, _, go, *_ in results), results[:3]
        return elapsed_s

    def _open(self, calls: list[tuple[str, str]]) -> None:
        """Opens calls, and loads their tenants where the shard does not hold them."""
        loads = [
            Load(tenant, 0, CREDIT_MICROS, 0, NONE, NONE, NONE, NONE, 0, 0, "profile", ())
            for tenant in dict.fromkeys(tenant for tenant, _ in calls)
        ]
        operations: list[Operation] = [*loads, *(self._authorize(*each) for each in calls)]
        packed = batch.encode(self._header, operations)
        self._connection.send_packed_command(self._command(self._library.strict, packed))
        reply = batch.decode(self._connection.read_response(), operations)
        assert not any(result.code for result in reply.results), reply
