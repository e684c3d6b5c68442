"""The one line to a shard: what waits is coalesced into batches, which are sent in order.

A lost reply is unknown, so the same batch is sent again: every operation is safe to repeat. The
caller's cancellation only drops its interest in the answer, never a command on the wire. A batch
that the store turns away goes again behind the one after it, so only operations of one batch are
sure to be decided in order.
"""

import asyncio
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Any, Protocol

from redis.asyncio.connection import AbstractConnection
from redis.exceptions import ConnectionError as NotConnected
from redis.exceptions import OutOfMemoryError, RedisError, ResponseError

from quota import script
from quota.batch import BatchReply, Result, Status, decode, encode
from quota.errors import QuotaError, StoreUnavailable
from quota.frame import Frame
from quota.gathering import WORTH_A_BATCH, until_quiet
from quota.operation import Authorize, Operation
from quota.parcels import Batch, Parcel, still_wanted, unsendable
from quota.posted_mark import PostedMark
from quota.shard_state import ShardState, identify, read_state
from quota.timing import Timing
from quota.topology import Topology

MAX_BATCH = 256
MAX_WAITING = 100_000
# Behind the batch that the store works on lies another, so that it has work while the answers are
# told: unless that would be a small one.
MOST_IN_FLIGHT = 2
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
        self._waiting: deque[Parcel] = deque()
        self._waiting_operations = 0
        self._in_flight: deque[Batch] = deque()  # those on the wire before those that are not
        self._trouble: QuotaError = StoreUnavailable("Redis gave no answer yet")
        self._sender: asyncio.Task[None] | None = None
        self._connection: AbstractConnection | None = None
        self._proven = False  # whether the connection has brought the answer to a batch
        self._full = False  # whether the store had no memory for the last authorizes
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
        parcel = Parcel(operations, loop.create_future(), loop.time(), epoch, alone)
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
        self._fail([*self._parcels_in_flight(), *self._waiting], stopping)
        self._in_flight.clear()
        self._waiting.clear()
        self._waiting_operations = 0
        await self._disconnect()

    async def _send_all(self, at_least_one: bool = False) -> None:
        try:
            while self._waiting or at_least_one:
                at_least_one = False
                await until_quiet(self._running_loop(), lambda: self._waiting_operations)
                self._in_flight.append(self._next_batch())
                await self._send_until_answered()
        finally:
            self._sender = None

    def _next_batch(self) -> Batch:
        batch = Batch()
        room = MAX_BATCH
        while self._waiting and len(self._waiting[0].operations) <= room:
            parcel = self._take_first()
            if not parcel.future.done():  # a caller that gave up before sending asks for nothing
                batch.parcels.append(parcel)
                room -= len(parcel.operations)
        return batch

    def _take_first(self) -> Parcel:
        parcel = self._waiting.popleft()
        self._waiting_operations -= len(parcel.operations)
        return parcel

    async def _send_until_answered(self) -> None:
        """Sends what is in flight, again and again; what is left of it each time."""
        pause_s = RECONNECT_MIN_S
        while self._in_flight:
            try:
                connection = self._connection
                if connection is None:
                    with self._answering_overdue():
                        connection = await self._open()
                await self._exchange(connection)
                pause_s = RECONNECT_MIN_S
                continue
            except (RedisError, OSError, QuotaError) as error:
                await self._disconnect()
                self._trouble = _unavailable(error)
            except Exception as error:  # a bug must not leave callers waiting for ever
                await self._disconnect()
                parcels = self._parcels_in_flight()
                if not parcels and not self._waiting:
                    self._in_flight.clear()
                    raise
                self._fail(unsendable(parcels) or self._in_flight[0].parcels, error)
            with self._answering_overdue():
                if self._answer_overdue():
                    await asyncio.sleep(pause_s)
            pause_s = min(RECONNECT_MAX_S, pause_s * 2)
            self._again()

    def _parcels_in_flight(self) -> list[Parcel]:
        return [parcel for batch in self._in_flight for parcel in batch.parcels]

    def _again(self) -> None:
        """What is in flight begins anew, as far as anybody still waits for it."""
        batches = [Batch(still_wanted(batch.parcels)) for batch in self._in_flight]
        self._in_flight = deque(batch for batch in batches if batch.parcels)

    @staticmethod
    def _fail(items: Iterable[Parcel], error: Exception) -> None:
        for item in items:
            item.fail(error)

    def _decidable(self, batch: list[Parcel]) -> list[Parcel]:
        """Answers those that hold for another epoch; returns who still waits for a decision."""
        foreign = [item for item in batch if item.epoch and item.epoch != self._epoch]
        if foreign:
            self._fail(foreign, StoreUnavailable(f"shard {self.shard} was rebuilt meanwhile"))
        return still_wanted(batch)

    def _answer_overdue(self) -> bool:
        """Tells whoever has waited long enough what is wrong; returns whether others still wait."""
        limit = self._running_loop().time() - self._patience_s
        in_flight = self._parcels_in_flight()
        self._fail([item for item in in_flight if item.since <= limit], self._trouble)
        while self._waiting and self._waiting[0].since <= limit:
            self._fail([self._take_first()], self._trouble)
        return bool(still_wanted(in_flight) or self._waiting)

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

    def _deliver(self, batch: Batch, reply: BatchReply) -> None:
        batch.answer(reply.results)
        self.batches += 1
        self._proven = True
        self.now_ms, self.last_n = reply.now_ms, reply.last_n
        self.posted.reach(reply.posted_n)

    async def _exchange(self, connection: AbstractConnection) -> None:
        """Sends what there is to send, and takes one answer, all within patience."""
        # Cheaper than a time-out around it: a connection that is closed ends its reads and writes.
        timer = self._running_loop().call_later(self._patience_s, self._hang_up, connection)
        try:
            await self._send(connection)
            await self._receive(connection)
        finally:
            timer.cancel()

    async def _send(self, connection: AbstractConnection) -> None:
        """Puts on the wire what is in flight and not there yet, and one batch ahead: but one alone
        before the connection is proven, and while the store is full.
        """
        room = MOST_IN_FLIGHT if self._proven and not self._full else 1
        if len(self._in_flight) < room and self._waiting_operations >= WORTH_A_BATCH:
            self._in_flight.append(self._next_batch())
        for batch in islice(self._in_flight, room):
            if not batch.sent:
                await self._send_one(connection, batch)

    async def _send_one(self, connection: AbstractConnection, batch: Batch) -> None:
        batch.parcels = self._decidable(batch.parcels)
        if not connection.is_connected:  # it would connect by itself, to whatever is there now
            raise NotConnected("the connection is closed")
        operations = batch.asked()
        library = script.library()
        batch.sent, batch.strict = True, Authorize in set(map(type, operations))
        frame = self._frame_now()
        packed = encode(frame.header, operations)
        command = frame.command(library.strict if batch.strict else library.sparing, packed)
        await connection.send_packed_command(command)

    async def _receive(self, connection: AbstractConnection) -> None:
        """Takes the answer to the batch that was sent first."""
        batch = self._in_flight[0]
        try:
            answer: bytes = await connection.read_response()
        except OutOfMemoryError:
            if batch.sparing:
                raise
            self._full = batch.sparing = True
            self._postpone(batch)
            return
        except ResponseError as error:
            if "Function not found" not in str(error) or batch.loaded or self._on_the_wire() > 1:
                raise
            await self._load(connection, script.library())
            batch.loaded = True
            self._postpone(batch)
            return
        reply = decode(answer, batch.asked())
        if reply.status is not Status.DECIDED:
            self._known_run = ""  # the next opening asks the keeper, who rebuilds
            raise StoreUnavailable(f"shard {self.shard} is {reply.status.name.lower()}")
        if batch.strict:
            self._full = False
        self._deliver(batch, reply)
        self._in_flight.popleft()

    def _postpone(self, batch: Batch) -> None:
        """The first batch was not decided, and goes again behind what is on the wire."""
        self._in_flight.popleft()
        batch.sent = False
        self._in_flight.insert(self._on_the_wire(), batch)

    def _on_the_wire(self) -> int:
        return sum(batch.sent for batch in self._in_flight)

    def _hang_up(self, connection: AbstractConnection) -> None:
        writer = connection._writer  # disconnecting would wait for what the store does not take
        if writer is not None:
            writer.transport.abort()
        self._closing = self._running_loop().create_task(connection.disconnect(nowait=True))

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        """Looked up once: it costs a system call on some Pythons, and a line lives in one loop."""
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
        return self._loop

    async def _open(self) -> AbstractConnection:
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
        return connection

    async def _disconnect(self) -> None:
        connection, self._connection, self._proven = self._connection, None, False
        for batch in self._in_flight:
            batch.sent = False
        if connection is not None:
            await connection.disconnect(nowait=True)

    def _frame_now(self) -> Frame:
        """The frame of this epoch and date."""
        now_s = time.time()
        frame = self._frame
        if frame is None or not frame.fits(self._epoch, now_s):
            frame = self._frame = Frame(self.shard, self._epoch, self._timing, now_s)
        return frame

    @staticmethod
    async def _load(connection: AbstractConnection, library: script.Library) -> None:
        await connection.send_command("FUNCTION", "LOAD", library.code)
        try:
            await connection.read_response()
        except ResponseError as error:
            if "already exists" not in str(error):  # another process was quicker
                raise


def _unavailable(error: Exception) -> QuotaError:
    if isinstance(error, QuotaError):
        return error
    if isinstance(error, ResponseError):
        # Redis said no to the batch as a whole; its text names no tenant, call or number.
        return StoreUnavailable(f"Redis refused a batch: {str(error)[:200]}")
    return StoreUnavailable(f"Redis gave no answer ({type(error).__name__})")
