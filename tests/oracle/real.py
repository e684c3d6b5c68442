"""The real shard behind the same `apply` as the oracle: the script, with the clock handed in."""

from collections.abc import Sequence
from typing import Any

import msgpack
from redis import Redis

from quota import batch, keys, script
from quota.batch import BatchReply, Header, Result, Status
from quota.operation import Operation
from quota.outbox import OutboxEntry, decode_entry
from tests.oracle.records import Config
from tests.oracle.shard import Key

EPOCH = "1"
CLOCK = "redis.call('TIME')"
CHANNEL = keys.changes_channel(0)
JUNK = b"\xc1junk"


def library_with_clock() -> script.Library:
    """The library with its clock taken from a batch's further arguments: seconds, microseconds."""
    text = script.parts()
    assert text.count(CLOCK) == 1
    entry = "local function decide_batch(keys, args)"
    assert text.count(entry) == 1
    text = text.replace(CLOCK, "clock").replace(entry, entry + "\n  clock = {args[2], args[3]}")
    return script.library_of("local clock\n" + text)


class RealShard:
    """Shard 0 of a Redis, emptied at the start; time is what `apply` is told."""

    def __init__(self, redis: "Redis", config: Config, epoch: str = EPOCH) -> None:
        self.redis: Any = redis
        self.config = config
        self.library = library_with_clock()
        self.healthy: dict[Key, bytes] = {}
        self.redis.flushdb()
        self.redis.function_load(self.library.code, replace=True)
        self.redis.hset(keys.key(0, "epoch"), mapping={"epoch": epoch, "n": 0, "posted": 0})

    def header(self, dates: Sequence[str], epoch: str = EPOCH) -> Header:
        """What holds for a batch."""
        first, second, third = dates
        return Header(epoch, *self.config, dates=(first, second, third), channel=CHANNEL)

    def send(
        self, operations: Sequence[Operation], now_ms: int, dates: Sequence[str], epoch: str = EPOCH
    ) -> BatchReply:
        """Sends one batch, whatever its reply says."""
        names = keys.keys(0)
        packed = batch.encode(self.header(dates, epoch), operations)
        arguments = [*names, packed, now_ms // 1000, now_ms % 1000 * 1000 + 999]
        reply = self.redis.fcall(self.library.strict, len(names), *arguments)
        return batch.decode(reply, operations)

    def apply(
        self, operations: Sequence[Operation], now_ms: int, dates: Sequence[str]
    ) -> list[Result]:
        """Sends one batch that must be decided."""
        reply = self.send(operations, now_ms, dates)
        assert reply.status is Status.DECIDED, reply
        assert reply.now_ms == now_ms
        return reply.results

    def spoil(self, key: Key) -> None:
        """Overwrites a record with junk."""
        name, member = self._place(key)
        self.healthy[key] = self.redis.hget(name, member)
        self.redis.hset(name, member, JUNK)

    def heal(self, key: Key) -> None:
        """Puts back what `spoil` overwrote."""
        self.redis.hset(*self._place(key), self.healthy.pop(key))

    @staticmethod
    def _place(key: Key) -> tuple[str, str]:
        tenant, member = key
        if not member:
            return keys.key(0, "accounts"), tenant
        return keys.key(0, "calls"), f"{tenant}/{member}"

    def stored(self) -> "Stored":
        """What else the shard holds, in one round trip."""
        pipeline = self.redis.pipeline(transaction=False)
        pipeline.zrange(keys.key(0, "leases"), 0, -1, withscores=True)
        pipeline.xrange(keys.key(0, "outbox"))
        pipeline.hgetall(keys.key(0, "epoch"))
        pipeline.hgetall(keys.key(0, "calls"))
        leases, outbox, epoch, calls = pipeline.execute()
        return Stored(
            leases={_key(member): int(score) for member, score in leases},
            outbox=[_entry(*row) for row in outbox],
            numbers=(int(epoch[b"n"]), int(epoch[b"posted"])),
            torn=epoch.get(b"torn", b"").decode(),
            records={_key(member) for member in calls},
            callers={
                _key(member): _caller(packed)
                for member, packed in calls.items()
                if _key(member)[1].startswith("#")
            },
        )


class Stored:
    """Leases, outbox, numbers and record keys as they lie in Redis."""

    def __init__(
        self,
        leases: dict[Key, int],
        outbox: list[OutboxEntry],
        numbers: tuple[int, int],
        torn: str,
        records: set[Key],
        callers: dict[Key, tuple[int, dict[str, int]]],
    ) -> None:
        self.leases = leases
        self.outbox = outbox
        self.numbers = numbers
        self.torn = torn
        self.records = records
        self.callers = callers


def _key(member: bytes) -> Key:
    tenant, _, rest = member.decode().partition("/")
    return tenant, rest


def _caller(packed: bytes) -> tuple[int, dict[str, int]]:
    """What a caller's calls hold, and what they were charged by day."""
    days: dict[str, int] = {}
    length, at = packed[1], 2
    day, at = packed[at : at + length].decode(), at + length
    amount, at = int.from_bytes(packed[at : at + 8], "big", signed=True), at + 8
    earlier, at = int.from_bytes(packed[at : at + 3], "big"), at + 3
    if earlier:
        days = {
            day.decode(): sum_ for day, sum_ in msgpack.unpackb(packed[at : at + earlier], raw=True)
        }
    if day:
        days[day] = amount
    return int.from_bytes(packed[at + earlier :], "big", signed=True), days


def _entry(stream_id: bytes, fields: dict[bytes, bytes]) -> OutboxEntry:
    n, _, sequence = stream_id.decode().partition("-")
    assert sequence == "0"
    return decode_entry(int(n), fields[b"e"])
