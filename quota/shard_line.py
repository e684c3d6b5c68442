"""The one line to a shard: what waits is coalesced into one batch, one batch is in flight.

A lost reply is unknown, so the same batch is sent again: every operation is safe to repeat. The
caller's cancellation only drops its interest in the answer, never a command on the wire.
"""

import asyncio
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from redis.asyncio.connection import AbstractConnection
from redis.exceptions import OutOfMemoryError, RedisError, ResponseError

from quota import script
from quota.batch import BatchReply, Result, Status, can_travel, decode, encode
from quota.decision import Code, Refused
from quota.errors import QuotaError, StoreUnavailable
from quota.frame import Frame
from quota.operation import Authorize, Operation
from quota.posted_mark import PostedMark
from quota.shard_state import ShardState, identify, read_state
from quota.timing import Timing
from quota.topology import Topology

MAX_BATCH = 256
MAX_WAITING = 100_000
# A batch is taken when this many turns of the loop brought nothing new, or after so many in all.
QUIET_TURNS, MOST_TURNS = 12, 256
HELLO_TIMEOUT_S = 2.0  # to connect, and then to be told which server and which shard this is
KEEPER_TIMEOUT_S = 10.0  # a rebuild waits for the ledger
RECONNECT_MIN_S, RECONNECT_MAX_S = 0.05, 1.0
LOOKS_PER_PATIENCE = 10
CLOSE_ASKS_EVERY_S = 1.0


class EpochKeeper(Protocol):
    """Knows from the ledger whether a shard is whole, and rebuilds it when it is not."""

    async def admit(self, shard: int, state: ShardState) -> str:
        """The epoch under which the shard may be used now.

        Raises StoreUnavailable while that cannot be known or the rebuild cannot be done.
        """


@dataclass(slots=True, eq=False)
class _Parcel:
    """Operations that were submitted together, and are decided and answered together."""

    operations: Sequence[Operation | bytes]
    future: asyncio.Future[Any]
    since: float
    epoch: str  # the only one that it may be decided in; "" for any
    alone: bool  # whether the answer is a result rather than a list of them

    def answer(self, results: list[Result]) -> None:
        if not self.future.done():
            self.future.set_result(results[0] if self.alone else results)


class ShardLine:
    """Sends one shard's operations, in the order in which they were submitted."""

    def __init__(
        self, shard: int, topology: Topology, keeper: EpochKeeper, timing: Timing, patience_s: float
    ) -> None:
        self.shard = shard
        self.posted = PostedMark(self.look)
        self.last_n = 0
        self.now_ms = 0
        self.batches = 0
        self._topology, self._keeper, self._timing = topology, keeper, timing
        self._patience_s = patience_s
        self._waiting: deque[_Parcel] = deque()
        self._waiting_operations = 0
        self._in_flight: list[_Parcel] = []
        self._trouble: QuotaError = StoreUnavailable("Redis gave no answer yet")
        self._sender: asyncio.Task[None] | None = None
        self._connection: AbstractConnection | None = None
        self._epoch = ""
        self._frame: Frame | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closing: asyncio.Task[None] | None = None  # kept, or it could be collected
        self._known_run = ""

    @property
    def posted_n(self) -> int:
        """The last outbox number that is known to be in the ledger."""
        return self.posted.n

    @property
    def epoch(self) -> str:
        """The epoch that the shard was last admitted under; "" before the first."""
        return self._epoch

    def submit(self, operation: Operation, epoch: str = "") -> asyncio.Future[Result]:
        """Queues an operation; the future has its result, or raises QuotaError.

        What was read in an `epoch` says nothing about another: named, the operation is only
        decided in that one.
        """
        future: asyncio.Future[Result] = self._queue((operation,), epoch, alone=True)
        return future

    def submit_all(
        self, operations: Sequence[Operation | bytes], epoch: str = ""
    ) -> asyncio.Future[list[Result]]:
        """Queues up to MAX_BATCH operations for one batch; the future has all their results.

        Charges may be packed already, and are then answered as BatchReply says.
        """
        assert len(operations) <= MAX_BATCH
        return self._queue(operations, epoch, alone=False)

    def _queue(
        self, operations: Sequence[Operation | bytes], epoch: str, alone: bool
    ) -> asyncio.Future[Any]:
        if self._waiting_operations >= MAX_WAITING:
            raise StoreUnavailable(f"{MAX_WAITING} operations wait for shard {self.shard} already")
        loop = self._running_loop()
        parcel = _Parcel(operations, loop.create_future(), loop.time(), epoch, alone)
        self._waiting.append(parcel)
        self._waiting_operations += len(operations)
        if self._sender is None:
            self._sender = loop.create_task(self._send_all())
        return parcel.future

    def look(self) -> None:
        """Asks the shard for its numbers, as every batch does, with a batch of nothing."""
        if self._sender is None and not self._waiting:
            self._sender = self._running_loop().create_task(self._send_all(at_least_one=True))

    async def idle(self, timeout_s: float) -> None:
        """Waits until nothing is in flight and nothing waits, for so long at most."""
        if self._sender is not None:
            await asyncio.wait([self._sender], timeout=timeout_s)

    async def close(self) -> None:
        """Answers what waits with StoreUnavailable and closes the connection."""
        while self._sender is not None and not self._sender.done():
            self._sender.cancel()  # again: a time-out at the same moment may swallow it
            await asyncio.wait([self._sender], timeout=CLOSE_ASKS_EVERY_S)
        stopping = StoreUnavailable("the service is stopping")
        self._fail([*self._in_flight, *self._waiting], stopping)
        self._in_flight.clear()
        self._waiting.clear()
        self._waiting_operations = 0
        await self._disconnect()

    async def _send_all(self, at_least_one: bool = False) -> None:
        try:
            while self._waiting or at_least_one:
                at_least_one = False
                await self._gather()
                self._in_flight = self._next_batch()
                await self._send_until_answered()
        finally:
            self._sender = None

    async def _gather(self) -> None:
        """Lets those speak first whose requests are being read already: what one thread works off
        anyway then travels together. A turn of an idle loop takes microseconds, so a lone caller
        does not wait.
        """
        quiet = 0
        for _ in range(MOST_TURNS):
            seen = self._waiting_operations
            if quiet == QUIET_TURNS or seen >= MAX_BATCH:
                return
            await asyncio.sleep(0)
            quiet = quiet + 1 if self._waiting_operations == seen else 0

    def _next_batch(self) -> list[_Parcel]:
        batch: list[_Parcel] = []
        room = MAX_BATCH
        while self._waiting and len(self._waiting[0].operations) <= room:
            parcel = self._take_first()
            if not parcel.future.done():  # a caller that gave up before sending asks for nothing
                batch.append(parcel)
                room -= len(parcel.operations)
        return batch

    def _take_first(self) -> _Parcel:
        parcel = self._waiting.popleft()
        self._waiting_operations -= len(parcel.operations)
        return parcel

    async def _send_until_answered(self) -> None:
        """Sends the batch in flight, again and again; what is left of it each time."""
        pause_s = RECONNECT_MIN_S
        while True:
            try:
                if self._connection is None:
                    with self._answering_overdue():
                        await self._open()
                self._in_flight = self._decidable(self._in_flight)
                self._deliver(self._in_flight, await self._send(self._in_flight))
                return
            except (RedisError, OSError, QuotaError) as error:
                await self._disconnect()
                self._trouble = _unavailable(error)
            except Exception as error:  # a bug must not leave callers waiting for ever
                await self._disconnect()
                if not self._in_flight and not self._waiting:
                    raise
                self._fail(_unsendable(self._in_flight) or self._in_flight, error)
            with self._answering_overdue():
                if self._answer_overdue():
                    await asyncio.sleep(pause_s)
            pause_s = min(RECONNECT_MAX_S, pause_s * 2)
            self._in_flight = _still_wanted(self._in_flight)
            if not self._in_flight:
                return

    @staticmethod
    def _fail(items: Iterable[_Parcel], error: Exception) -> None:
        for item in items:
            if not item.future.done():
                item.future.set_exception(error)
                item.future.exception()  # who asked for many stops at the first: no complaint

    def _decidable(self, batch: list[_Parcel]) -> list[_Parcel]:
        """Answers those that hold for another epoch; returns who still waits for a decision."""
        foreign = [item for item in batch if item.epoch and item.epoch != self._epoch]
        if foreign:
            self._fail(foreign, StoreUnavailable(f"shard {self.shard} was rebuilt meanwhile"))
        return _still_wanted(batch)

    def _answer_overdue(self) -> bool:
        """Tells whoever has waited long enough what is wrong; returns whether others still wait."""
        limit = self._running_loop().time() - self._patience_s
        self._fail([item for item in self._in_flight if item.since <= limit], self._trouble)
        while self._waiting and self._waiting[0].since <= limit:
            self._fail([self._take_first()], self._trouble)
        return bool(_still_wanted(self._in_flight) or self._waiting)

    @contextmanager
    def _answering_overdue(self) -> Iterator[None]:
        """Patience ends in time, whatever the line is waiting for inside."""
        loop, every_s = self._running_loop(), self._patience_s / LOOKS_PER_PATIENCE
        timer: asyncio.TimerHandle

        def look() -> None:
            nonlocal timer
            self._answer_overdue()
            timer = loop.call_later(every_s, look)

        timer = loop.call_later(every_s, look)
        try:
            yield
        finally:
            timer.cancel()

    def _deliver(self, batch: list[_Parcel], reply: BatchReply) -> None:
        results = reply.results
        taken = 0
        for parcel in batch:
            upto = taken + len(parcel.operations)
            parcel.answer(results[taken:upto])
            taken = upto
        assert taken == len(results)
        self.batches += 1
        self.now_ms, self.last_n = reply.now_ms, reply.last_n
        self.posted.reach(reply.posted_n)

    async def _send(self, batch: list[_Parcel]) -> BatchReply:
        assert self._connection is not None
        operations = [operation for parcel in batch for operation in parcel.operations]
        # Cheaper than a time-out around the exchange: a connection that is closed ends its read.
        timer = self._running_loop().call_later(self._patience_s, self._hang_up, self._connection)
        try:
            reply = await self._evaluate_sparing_memory(self._connection, operations)
        finally:
            timer.cancel()
        if reply.status is not Status.DECIDED:
            self._known_run = ""  # the next opening asks the keeper, who rebuilds
            raise StoreUnavailable(f"shard {self.shard} is {reply.status.name.lower()}")
        return reply

    def _hang_up(self, connection: AbstractConnection) -> None:
        self._closing = self._running_loop().create_task(connection.disconnect(nowait=True))

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        """Looked up once: it costs a system call on some Pythons, and a line lives in one loop."""
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
        return self._loop

    async def _open(self) -> None:
        """Connects, and asks the keeper whenever the shard may have lost something."""
        async with asyncio.timeout(HELLO_TIMEOUT_S):
            connection = await self._topology.connect(self.shard)
        try:
            async with asyncio.timeout(HELLO_TIMEOUT_S):
                server = await identify(connection)
                if server.role not in ("", "master"):
                    raise StoreUnavailable(f"shard {self.shard} answers from a {server.role}")
                state = await read_state(connection, self.shard)
            whole = state.epoch == self._epoch and not state.torn
            went_back = state.last_n < self.last_n
            if not whole or went_back or server.run_id != self._known_run:
                async with asyncio.timeout(KEEPER_TIMEOUT_S):
                    epoch = await self._keeper.admit(self.shard, state)
                if epoch != self._epoch:
                    self._epoch, self.last_n = epoch, 0
                    self.posted.reset()
                self._known_run = server.run_id
        except BaseException:
            await connection.disconnect(nowait=True)
            raise
        self._connection = connection

    async def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.disconnect(nowait=True)

    async def _evaluate_sparing_memory(
        self, connection: AbstractConnection, operations: list[Operation | bytes]
    ) -> BatchReply:
        """With memory full, only the authorizes are turned away; the rest goes in, in order."""
        strict = Authorize in set(map(type, operations))
        try:
            return await self._evaluate(connection, operations, allow_oom=not strict)
        except OutOfMemoryError:
            spared = [op for op in operations if type(op) is not Authorize]
            reply = await self._evaluate(connection, spared, allow_oom=True)
            if reply.status is not Status.DECIDED:
                return reply
            results = iter(reply.results)
            full = Refused(Code.OUT_OF_MEMORY, ())
            return reply._replace(
                results=[full if type(op) is Authorize else next(results) for op in operations]
            )

    async def _evaluate(
        self, connection: AbstractConnection, operations: list[Operation | bytes], allow_oom: bool
    ) -> BatchReply:
        frame = self._frame_now()
        packed = encode(frame.header, operations)
        library = script.library()
        function = library.sparing if allow_oom else library.strict
        command = frame.command(function, packed)
        try:
            reply = await self._exchange(connection, command)
        except ResponseError as error:
            if "Function not found" not in str(error):
                raise
            await self._load(connection, library)
            reply = await self._exchange(connection, command)
        return decode(reply, operations)

    def _frame_now(self) -> Frame:
        """The frame of this epoch and date."""
        now_s = time.time()
        frame = self._frame
        if frame is None or not frame.fits(self._epoch, now_s):
            frame = self._frame = Frame(self.shard, self._epoch, self._timing, now_s)
        return frame

    @staticmethod
    async def _exchange(connection: AbstractConnection, command: bytes) -> bytes:
        await connection.send_packed_command(command)
        reply: bytes = await connection.read_response()
        return reply

    @staticmethod
    async def _load(connection: AbstractConnection, library: script.Library) -> None:
        await connection.send_command("FUNCTION", "LOAD", library.code)
        try:
            await connection.read_response()
        except ResponseError as error:
            if "already exists" not in str(error):  # another process was quicker
                raise


def _still_wanted(batch: list[_Parcel]) -> list[_Parcel]:
    return [item for item in batch if not item.future.done()]


def _unsendable(batch: list[_Parcel]) -> list[_Parcel]:
    return [item for item in batch if not all(map(can_travel, item.operations))]


def _unavailable(error: Exception) -> QuotaError:
    if isinstance(error, QuotaError):
        return error
    if isinstance(error, ResponseError):
        # Redis said no to the batch as a whole; its text names no tenant, call or number.
        return StoreUnavailable(f"Redis refused a batch: {str(error)[:200]}")
    return StoreUnavailable(f"Redis gave no answer ({type(error).__name__})")
