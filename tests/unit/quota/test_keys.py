"""A shard's keys lie in one slot, and a tenant's shard never changes."""

import pytest
from redis.crc import key_slot

from quota.keys import key, keys, shard_of


@pytest.mark.parametrize(
    ("tenant", "shards", "shard"),
    [
        ("anna", 1, 0),
        ("anna", 2, 1),
        ("anna", 4, 3),
        ("anna", 16, 7),
        ("bert", 4, 2),
        ("ТехноМастер", 16, 2),
        ("tenant-42", 16, 12),
        ("A", 7, 2),
    ],
)
def test_a_tenants_shard_is_the_same_for_ever(tenant: str, shards: int, shard: int) -> None:
    assert shard_of(tenant, shards) == shard


def test_the_shard_is_taken_from_the_usual_crc_32() -> None:
    assert shard_of("123456789", 2**32) == 0xCBF43926


def test_tenants_spread_over_all_shards() -> None:
    counts = [0] * 8
    for number in range(8_000):
        counts[shard_of(f"tenant-{number}", 8)] += 1
    assert min(counts) > 800


@pytest.mark.parametrize("shard", [0, 1, 9, 10, 123])
def test_all_keys_of_a_shard_lie_in_one_slot(shard: int) -> None:
    slots = {key_slot(name.encode()) for name in keys(shard)}
    assert slots == {key_slot(f"s{shard}".encode())}


def test_the_keys_stand_in_the_scripts_order() -> None:
    assert keys(3) == [
        "tollgate:{s3}:accounts",
        "tollgate:{s3}:calls",
        "tollgate:{s3}:leases",
        "tollgate:{s3}:outbox",
        "tollgate:{s3}:epoch",
    ]


def test_no_shards_key_begins_with_anothers() -> None:
    assert not key(11, "calls").startswith(key(1, ""))
