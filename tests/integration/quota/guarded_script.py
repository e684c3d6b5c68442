"""The function library with a guard at every `redis.call`: it notes the call, or raises there."""

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from redis import Redis
from redis.exceptions import ResponseError

from quota import batch, keys, script
from quota.batch import BatchReply, Header, Status
from quota.operation import Operation
from tests.oracle.records import Config

CALL = "redis.call("
CLOCK = f"{CALL}'TIME')"
ENTRY = "local function decide_batch(keys, args)"
GUARD = """
local clock, fail_site, fail_turn, turns, trace
local function guarded(site, command, key, ...)
  turns[site] = (turns[site] or 0) + 1
  trace[#trace + 1] = string.format('%d %s %s', site, command, key or '')
  if site == fail_site and turns[site] == fail_turn then
    error('injected')
  end
  if command == 'TIME' then
    return clock
  end
  return redis.call(command, key, ...)
end
"""
START = f"""{ENTRY}
  clock, fail_site, fail_turn = {{args[2], args[3]}}, tonumber(args[4]), tonumber(args[5])
  turns, trace = {{}}, {{}}
"""
TRACE = """
redis.register_function('{name}', function() return trace end)
"""


ARM = """
redis.register_function('arm', function(keys, args)
  local before = armed
  armed = tonumber(args[1])
  return before
end)
"""
FAIL_ONCE = """
local armed
local function guarded(site, ...)
  if site == armed then
    armed = nil
    error('injected')
  end
  return redis.call(...)
end
"""


class Step(NamedTuple):
    """One execution of a `redis.call`: which place in the text, which time, and with what."""

    site: int
    turn: int
    command: str
    key: str


def sites() -> list[str]:
    """The text behind every `redis.call(` of the library, in order."""
    return [part.splitlines()[0] for part in script.parts().split(CALL)[1:]]


def failing_once() -> str:
    """A library under the product's own name, whose next call fails at the place that `arm` names.

    `FCALL arm 0 <site>` returns the place that was armed and has not failed yet.
    """
    product, text = script.library(), script.parts()
    assert product.code.count(text) == 1
    return product.code.replace(text, guard(text, FAIL_ONCE)) + ARM


def guard(text: str, guard_text: str = GUARD) -> str:
    """The library's text with a guard in place of every `redis.call`."""
    numbers = iter(range(len(sites())))
    guarded = re.sub(re.escape(CALL), lambda _: f"guarded({next(numbers)}, ", text)
    assert next(numbers, None) is None
    return guard_text + guarded


class GuardedShard:
    """Shard 0 behind the guarded library; an empty database at the start."""

    def __init__(self, redis: "Redis", dates: tuple[str, str, str]) -> None:
        self._redis: Any = redis
        text = script.parts()
        assert text.count(ENTRY) == text.count(CLOCK) == 1
        self._library = script.library_of(guard(text).replace(ENTRY, START))
        self._trace = self._library.strict.replace("_strict", "_trace")
        self._header = Header("1", *Config(), dates=dates, channel="changes")
        self.keys = keys.keys(0)
        redis.flushdb()
        code = self._library.code + TRACE.format(name=self._trace)
        self._redis.function_load(code, replace=True)
        self._redis.hset(self.keys[4], mapping={"epoch": "1", "n": 0, "posted": 0})

    def send(
        self, operations: Sequence[Operation], now_ms: int, fail: tuple[int, int] = (-1, 0)
    ) -> BatchReply:
        """Decides a batch; the guard raises at the given site and turn."""
        clock = (now_ms // 1000, now_ms % 1000 * 1000)
        packed = batch.encode(self._header, operations)
        arguments = [*self.keys, packed, *clock, *fail]
        reply = self._redis.fcall(self._library.strict, len(self.keys), *arguments)
        return batch.decode(reply, operations)

    def error_of(
        self, operations: Sequence[Operation], now_ms: int, fail: tuple[int, int] = (-1, 0)
    ) -> str:
        """The error of a batch; empty when it was decided."""
        try:
            reply = self.send(operations, now_ms, fail)
        except ResponseError as error:
            return str(error)
        assert reply.status is Status.DECIDED
        return ""

    def steps(self) -> list[Step]:
        """What the last batch called, in order."""
        turns: dict[int, int] = {}
        steps = []
        for line in self._redis.fcall(self._trace, 0):
            site, command, key = line.decode().split(" ")
            turns[int(site)] = turns.get(int(site), 0) + 1
            steps.append(Step(int(site), turns[int(site)], command, key))
        return steps

    def picture(self) -> dict[bytes, bytes]:
        """Every key of the database, as it lies there."""
        names = sorted(self._redis.keys())
        return {name: self._redis.dump(name) for name in names}

    def restore(self, picture: dict[bytes, bytes]) -> None:
        """Puts the database back to a picture."""
        self._redis.flushdb()
        for name, dumped in picture.items():
            self._redis.restore(name, 0, dumped)

    @property
    def torn(self) -> bool:
        """Whether a batch failed between two writes."""
        return bool(self._redis.hget(self.keys[4], "torn") == b"1")
