"""The keys of a shard: a fixed handful, all in one hash slot, the same for every batch."""

import zlib


def tag(shard: int) -> str:
    """The hash tag that keeps a shard's keys in one slot."""
    return f"{{s{shard}}}"


def key(shard: int, name: str) -> str:
    """The full name of one of a shard's keys."""
    return f"tollgate:{tag(shard)}:{name}"


def changes_channel(shard: int) -> str:
    """The channel on which a shard tells that something changed the fate of running calls."""
    return key(shard, "changes")


def keys(shard: int) -> list[str]:
    """The script's KEYS, in its order."""
    return [key(shard, name) for name in ("accounts", "calls", "leases", "outbox", "epoch")]


def shard_of(tenant: str, shards: int) -> int:
    """The shard that a tenant belongs to, for ever: the count is fixed at first start."""
    return 0 if shards == 1 else zlib.crc32(tenant.encode()) % shards
