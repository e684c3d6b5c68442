"""A QuotaStore on a real server, with a ledger's memory of its shards, and operations for it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

from quota.batch import Result
from quota.decision import AccountView, CallResult, CallView
from quota.errors import StoreUnavailable
from quota.operation import (
    NONE,
    Apply,
    Authorize,
    Charge,
    Day,
    Debit,
    Load,
    LookAccount,
    LookCall,
    Operation,
    Settle,
    debit_key,
)
from quota.shard_line import ShardLine
from quota.shard_state import ShardState
from quota.store import QuotaStore, ShardReader
from quota.timing import Timing
from quota.topology import Topology, topology_of

START_BALANCE = 1_000_000


class Keeper:
    """Remembers epoch and posted number of every shard, as the ledger does, and rebuilds."""

    def __init__(self, topology: Topology) -> None:
        self.asked: list[ShardState] = []
        self.rebuilt = 0
        self.away = False
        self.fault: Exception | None = None
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.posted: dict[int, int] = {}
        self.epochs: dict[int, int] = {}
        self._topology = topology

    async def admit(self, shard: int, state: ShardState) -> str:
        """The present epoch of a whole shard; another one is emptied under the next epoch."""
        self.asked.append(state)
        await self.may_answer.wait()
        if self.fault is not None:
            raise self.fault
        if self.away:
            raise StoreUnavailable("the ledger does not answer")
        epoch, posted = self.epochs.get(shard, 0), self.posted.get(shard, 0)
        if state.epoch == str(epoch) and state.last_n >= posted and not state.torn:
            return state.epoch
        return await self._rebuild(shard, epoch + 1)

    async def _rebuild(self, shard: int, epoch: int) -> str:
        self.rebuilt += 1
        self.epochs[shard], self.posted[shard] = epoch, 0
        reader = ShardReader(self._topology, shard)
        try:
            await reader.wipe(str(epoch))
        finally:
            await reader.close()
        return str(epoch)


class Bench:
    """A store, its keeper, and short ways to ask."""

    def __init__(self, store: QuotaStore, keeper: Keeper, topology: Topology) -> None:
        self.store, self.keeper, self.topology = store, keeper, topology

    @property
    def line(self) -> ShardLine:
        """The line to shard 0."""
        return self.store.line(0)

    async def ask(self, *operations: Operation) -> list[Result]:
        """The answers to operations that are submitted at once."""
        return await asyncio.gather(*(self.store.submit(operation) for operation in operations))

    async def account(self, tenant: str = "anna") -> AccountView:
        """The tenant's account."""
        [view] = await self.ask(LookAccount(tenant))
        assert isinstance(view, AccountView), view
        return view

    async def call(self, call_id: str, tenant: str = "anna") -> CallView:
        """One call."""
        [view] = await self.ask(LookCall(tenant, call_id))
        assert isinstance(view, CallView), view
        return view


@asynccontextmanager
async def bench_on(
    url: str,
    *,
    shards: int = 1,
    patience_s: float = 5.0,
    timing: Timing | None = None,
    keeper: Keeper | None = None,
) -> AsyncIterator[Bench]:
    """A store on the servers of a URL; give the keeper of another one to share its memory."""
    topology = topology_of(url, patience_s)
    keeper = keeper or Keeper(topology)
    store = QuotaStore(topology, keeper, shards=shards, timing=timing, patience_s=patience_s)
    try:
        yield Bench(store, keeper, topology)
    finally:
        await store.close()


@asynccontextmanager
async def reader_on(url: str, shard: int = 0) -> AsyncIterator[ShardReader]:
    """A reader of one shard."""
    reader = ShardReader(topology_of(url, 5.0), shard)
    try:
        yield reader
    finally:
        await reader.close()


async def until(holds: Callable[[], bool]) -> None:
    """Waits for what other tasks bring about; the test's time limit bounds it."""
    while not holds():  # noqa: ASYNC110 - what is waited for happens outside this loop too
        await asyncio.sleep(0.001)


async def eventually(holds: Callable[[], Awaitable[object]]) -> None:
    """Waits for what another process brings about; until then it may also not answer."""
    while True:
        with contextlib.suppress(RedisError, OSError):
            if await holds():
                return
        await asyncio.sleep(0.02)


def client_on(url: str) -> Any:
    """A plain client, without types: its commands are both sync and async to mypy."""
    return Redis.from_url(url)


def today() -> Day:
    """The running day in UTC."""
    now = datetime.now(UTC)
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    return Day(f"{now:%Y%m%d}", int(midnight.timestamp() * 1000), f"{midnight:%Y%m%d}")


def load(tenant: str = "anna", balance: int = START_BALANCE, **fields: Any) -> Load:
    """A tenant without limits."""
    loaded = Load(tenant, 1, balance, 0, NONE, NONE, NONE, NONE, 0, 1, "p", ())
    return loaded._replace(**fields)


def credit(amount: int, version: int, tenant: str = "anna") -> Apply:
    """A top-up."""
    return Apply(tenant, version, amount, 0, 0, NONE, NONE, NONE, NONE, 0, "")


def authorize(call_id: str, tenant: str = "anna", **fields: Any) -> Authorize:
    """Asks for 60 s at 10 micros/s; 10 s must fit."""
    operation = Authorize(
        tenant, call_id, 1, today(), "pin", "omni", b"p", "", 600, 100, 0, 10, 0, 0, 0, 0, b"",
        NONE, 3_000,
    )  # fmt: skip
    return operation._replace(**fields)


def charge(call_id: str, total: int, elapsed_ms: int, tenant: str = "anna") -> Charge:
    """Reports a total."""
    return Charge(tenant, call_id, 1, today(), "pin", "omni", total, total, b"u", elapsed_ms, 3_000)


def settle(call_id: str, total: int, elapsed_ms: int, tenant: str = "anna") -> Settle:
    """Closes a call with a total."""
    return Settle(
        tenant, call_id, 1, today(), "pin", "omni", total, total, b"u", elapsed_ms, 3_000, b"p",
        "", b"digest", b"times", 1, 0, 0,
    )  # fmt: skip


def debit(number: int, amount: int, tenant: str = "anna") -> Debit:
    """Takes an amount."""
    return Debit(tenant, debit_key(str(number)), amount, b"d", b"")


def accepted(result: Result) -> CallResult:
    """An answer about a call that was decided."""
    assert isinstance(result, CallResult), result
    return result
