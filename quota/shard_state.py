"""A shard's own account of itself: epoch, outbox numbers, and the server that holds it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.connection import AbstractConnection

from quota.errors import StoreUnfit
from quota.keys import key, keys


@dataclass(frozen=True, slots=True)
class ShardState:
    """What the shard holds of itself. `epoch` is "" when it is missing: Redis lost the shard."""

    epoch: str
    last_n: int
    posted_n: int
    torn: bool


@dataclass(frozen=True, slots=True)
class ServerIdentity:
    """Which run of which server answers: another one may have lost data."""

    run_id: str
    role: str


def dates_around(now_s: float) -> tuple[str, str, str]:
    """Yesterday, today and tomorrow in UTC: every zone's running day and the next are among them.

    A zone ahead of UTC by up to 14 hours is at most one date ahead, one behind by 12 at most one
    behind.
    """
    today = datetime.fromtimestamp(now_s, UTC).date()
    yesterday, tomorrow = today - timedelta(days=1), today + timedelta(days=1)
    return f"{yesterday:%Y%m%d}", f"{today:%Y%m%d}", f"{tomorrow:%Y%m%d}"


def _state(values: Sequence[Any]) -> ShardState:
    epoch, last_n, posted_n, torn = values
    return ShardState(
        (epoch or b"").decode(), int(last_n or 0), int(posted_n or 0), (torn or b"0") == b"1"
    )


_STATE_FIELDS = ("epoch", "n", "posted", "torn")


async def read_state(connection: AbstractConnection, shard: int) -> ShardState:
    """Reads the shard's state over a connection of its own."""
    await connection.send_command("HMGET", key(shard, "epoch"), *_STATE_FIELDS)
    return _state(await connection.read_response())


async def client_state(client: "Redis", shard: int) -> ShardState:
    """Reads the shard's state through a client."""
    return _state(await client.hmget(key(shard, "epoch"), list(_STATE_FIELDS)))


def _info(text: bytes) -> dict[str, str]:
    lines = (line.partition(":") for line in text.decode().splitlines() if ":" in line)
    return {name: value for name, _, value in lines}


async def identify(connection: AbstractConnection) -> ServerIdentity:
    """Tells which server answers, and refuses one that may drop keys when its memory is full.

    Raises StoreUnfit when maxmemory-policy is not noeviction.
    """
    info: dict[str, str] = {}
    for section in ("server", "replication", "memory"):
        await connection.send_command("INFO", section)
        info |= _info(await connection.read_response())
    policy = info.get("maxmemory_policy", "noeviction")
    if policy != "noeviction":
        raise StoreUnfit(
            f"Redis would drop live balances: its maxmemory-policy is {policy!r}. "
            "Set maxmemory-policy to noeviction (CONFIG SET maxmemory-policy noeviction)."
        )
    return ServerIdentity(info.get("run_id", ""), info.get("role", ""))


async def wipe(client: "Redis", shard: int, epoch: str) -> None:
    """Empties the shard and starts it anew under `epoch`, with outbox numbers from 1."""
    async with client.pipeline(transaction=True) as pipe:
        pipe.unlink(*keys(shard))
        pipe.hset(
            key(shard, "epoch"), mapping={"epoch": epoch, "n": "0", "posted": "0", "torn": "0"}
        )
        await pipe.execute()
