"""A shard of the live store, driven directly with packed batches: the ceiling of everything above.

Function calls on one connection, as many in flight as a worker has, packed before the clock runs.
"""

import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Any

import msgpack
from redis import ConnectionPool

from benchmarks.rig import messages
from benchmarks.rig.processor import Stopwatch
from quota import batch, script
from quota.batch import Status
from quota.decision import CallResult, Directive
from quota.frame import Frame
from quota.keys import key
from quota.operation import NONE, Authorize, Charge, Day, Load, Operation, Settle
from quota.shard_line import MOST_IN_FLIGHT
from quota.shard_state import dates_around
from quota.timing import Timing
from server.calls.packing import pack_usage
from server.calls.profile import Profile
from tollgate.v1.common_pb2 import OUTCOME_COMPLETED

EPOCH, PIN, LEASE_MS = "1", "standard@1", 3_600_000
PARTIES = b"1\x00+74951234567\x00+78121234567"
DIGEST = bytes(16)
PROFILE = Profile("UTC", "UTC", NONE, "standard", "USD").pack()
MICROS_A_REPORT, CREDIT_MICROS, RESERVE_MICROS = 1_000, 10**14, 60_000
FREE_MS = 3_000
# The steps of the reports that are measured begin after what the preparations have reported.
FIRST_STEP, LAST_STEP = 2, 1_000
OPENING_SIZE = 250
# Packing is bounded too: more batches than this are not prepared for one measurement.
MOST_PREPARED = 60_000
PROBE_BATCHES = 50
GOES_ON = int(Directive.CONTINUE)
STRIDES = (7_919, 7_927, 7_933)

Call = tuple[str, str]


class Shard:
    """A shard with tenants and running calls, and the next charge of each."""

    def __init__(self, url: str, pid: int, tenants: int) -> None:
        self._connection: Any = ConnectionPool.from_url(url).make_connection()
        self._pid = pid
        self._library = script.library()
        now_s = time.time()
        dates = dates_around(now_s)
        self._frame = Frame(0, EPOCH, Timing(lease_ms=LEASE_MS), now_s)
        self._day = Day(dates[1], int(now_s * 1000) + LEASE_MS, dates[2])
        self._tenants, self._loaded, self._calls = tenants, 0, 0
        self._numbered = 0  # the calls there were so far, settled ones too
        self._last: list[Operation] = []
        self._charges = self._rising()
        self._ask("FUNCTION", "LOAD", self._library.code)
        self._ask("HSET", key(0, "epoch"), "epoch", EPOCH, "n", 0, "posted", 0)

    def call(self, number: int) -> Call:
        """Tenant and name of a call, 12 and 36 characters long."""
        return (
            f"tnt-{number % self._tenants:08}",
            f"{number & 0xFFFFFFFF:08x}-0000-4000-8000-{number:012x}",
        )

    def open(self, calls: int, told: Callable[[int], None] = lambda _: None) -> None:
        """Bring so many further calls to life, with their tenants; `told` hears of each portion."""
        upto = self._calls + calls
        while self._calls < upto:
            portion = range(self._calls, min(upto, self._calls + OPENING_SIZE))
            self._decide([*self._loads(portion.stop), *(map(self._authorize, portion))])
            self._calls = self._numbered = portion.stop
            told(len(portion))
        self._charges = self._rising()

    def load_tenants(self) -> None:
        """Load all tenants, before any call of theirs."""
        while self._loaded < self._tenants:
            self._decide(self._loads(self._loaded + OPENING_SIZE))

    def report_all(self) -> None:
        """The first report of every call."""
        for first in range(0, self._calls, OPENING_SIZE):
            portion = range(first, min(first + OPENING_SIZE, self._calls))
            self._decide([self._charge(number, 1) for number in portion])

    def measure(self, size: int, seconds: float) -> dict[str, float]:
        """Charges a second and what each costs the store, in batches of `size`."""
        probe = self._prepare(size, PROBE_BATCHES, lambda: next(self._charges))
        started = time.perf_counter()
        self._send(probe)
        rate = PROBE_BATCHES / (time.perf_counter() - started)
        count = max(10, min(int(rate * seconds), MOST_PREPARED))
        prepared = self._prepare(size, count, lambda: next(self._charges))
        return self._timed(size, prepared, "charges_per_s")

    def measure_authorizes(self, size: int, count: int) -> dict[str, float]:
        """The same for so many batches of authorizes of further calls."""
        numbers = itertools.count(self._numbered)
        self._numbered += size * count
        return self._timed(
            size,
            self._prepare(size, count, lambda: self._authorize(next(numbers)), strict=True),
            "authorizes_per_s",
        )

    def measure_settles(self, size: int, count: int) -> dict[str, float]:
        """The same for settles of the calls that were opened last."""
        numbers = itertools.count(self._numbered - size * count)
        prepared = self._prepare(size, count, lambda: self._settle(next(numbers)))
        return self._timed(size, prepared, "settles_per_s", goes_on=False)

    def used_bytes(self) -> int:
        """Memory that the store says it uses."""
        self._connection.send_command("INFO", "memory")
        text = bytes(self._connection.read_response()).decode()
        return int(next(line for line in text.splitlines() if line.startswith("used_memory:"))[12:])

    def is_quiet(self) -> bool:
        """Whether the store has nothing to do beside what it is asked."""
        self._connection.send_command("INFO", "persistence")
        text = bytes(self._connection.read_response()).decode()
        return "aof_rewrite_in_progress:0" in text and "aof_rewrite_scheduled:0" in text

    def close(self) -> None:
        """Close the connection."""
        self._connection.disconnect()

    def _authorize(self, number: int) -> Authorize:
        tenant, call_id = self.call(number)
        return Authorize(
            tenant,
            call_id,
            profile_version=0,
            day=self._day,
            pin=PIN,
            model=messages.MODEL,
            parties=PARTIES,
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

    def _charge(self, number: int, step: int) -> Charge:
        return Charge(*self.call(number), 0, self._day, *_report(step))

    def _settle(self, number: int) -> Settle:
        rest: tuple[Any, ...] = (PARTIES, "", DIGEST, b"", int(OUTCOME_COMPLETED), 0, 0)
        return Settle(*self.call(number), 0, self._day, *_report(LAST_STEP), *rest)

    def _rising(self) -> Iterator[Charge]:
        """For ever the next report of each call, in an order in which neighbours lie far apart."""
        stride = next(each for each in STRIDES if self._calls % each)
        for step in itertools.count(FIRST_STEP):
            for i in range(self._calls):
                yield self._charge(i * stride % self._calls, step)

    def _timed(
        self, size: int, prepared: Sequence[bytes], rate: str, goes_on: bool = True
    ) -> dict[str, float]:
        stopwatch, started = Stopwatch({"store": (self._pid,)}), time.perf_counter()
        replies = self._send(prepared)
        elapsed_s = time.perf_counter() - started
        figures = stopwatch.figures(len(prepared) * size)
        for reply in replies:
            status, *_, results = msgpack.unpackb(reply, raw=True)
            assert status == Status.DECIDED, reply
            assert not any(code for code, *_ in results), results[:3]
        decoded = batch.decode(replies[-1], self._last).results
        told = [each.directive for each in decoded if isinstance(each, CallResult)]
        assert not goes_on or told == [GOES_ON] * len(decoded), decoded[:3]
        return {
            rate: len(prepared) * size / elapsed_s,
            **figures,
            "batch_ms": elapsed_s / len(prepared) * 1000,
        }

    def _prepare(
        self, size: int, count: int, following: Callable[[], Operation], strict: bool = False
    ) -> list[bytes]:
        function = self._library.strict if strict else self._library.sparing
        prepared = []
        for _ in range(count):
            self._last = [following() for _ in range(size)]
            packed = batch.encode(self._frame.header, self._last)
            prepared.append(self._frame.command(function, packed))
        return prepared

    def _send(self, commands: Sequence[bytes]) -> list[Any]:
        """As many in flight as a worker has; the replies are looked at later."""
        connection, replies, sent = self._connection, list[Any](), 0
        while len(replies) < len(commands):
            for command in commands[sent : len(replies) + MOST_IN_FLIGHT]:
                connection.send_packed_command([command])
                sent += 1
            replies.append(connection.read_response())
        return replies

    def _loads(self, upto: int) -> list[Operation]:
        """The tenants up to a number that are not loaded yet."""
        portion = range(self._loaded, min(upto, self._tenants))
        self._loaded = max(self._loaded, portion.stop)
        return [
            Load(self.call(i)[0], 0, CREDIT_MICROS, 0, NONE, NONE, NONE, NONE, 0, 0, PROFILE, ())
            for i in portion
        ]

    def _decide(self, operations: Sequence[Operation]) -> None:
        packed = batch.encode(self._frame.header, operations)
        command = self._frame.command(self._library.strict, packed)
        self._connection.send_packed_command([command])
        reply = batch.decode(self._connection.read_response(), list(operations))
        assert not any(result.code for result in reply.results), reply.results[:3]

    def _ask(self, *words: str | int) -> None:
        self._connection.send_command(*words)
        self._connection.read_response()


def _report(step: int) -> tuple[Any, ...]:
    """The fields of a Charge from the pin on."""
    usage = messages.usage(step).quantities
    total, weight = MICROS_A_REPORT * step, sum(usage.values())
    elapsed_ms = messages.REPORT_MS * step
    return (PIN, messages.MODEL, total, weight, _packed_usage(step), elapsed_ms, FREE_MS)


@lru_cache(1_000)
def _packed_usage(step: int) -> bytes:
    return pack_usage(messages.usage(step).quantities)
