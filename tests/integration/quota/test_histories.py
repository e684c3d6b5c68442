"""Random histories: the script and the oracle must answer and keep the same, to the micro."""

import pytest
from redis import Redis

from tests.oracle.coverage import Coverage
from tests.oracle.histories import History, generate
from tests.oracle.lockstep import first_difference, shrink, story
from tests.oracle.real import RealShard

GROUPS = 10
HISTORIES_PER_GROUP = 50


def fails(history: History, redis: Redis) -> bool:
    """Whether both sides part somewhere."""
    return first_difference(history, RealShard(redis, history.config)) is not None


@pytest.mark.parametrize("group", range(GROUPS))
def test_script_and_oracle_agree_on_random_histories(history_redis: Redis, group: int) -> None:
    coverage = Coverage()
    for seed in range(group * HISTORIES_PER_GROUP, (group + 1) * HISTORIES_PER_GROUP):
        history = generate(seed)
        real = RealShard(history_redis, history.config)
        if first_difference(history, real, coverage) is not None:
            least = shrink(history, lambda one: fails(one, history_redis))
            difference = first_difference(least, RealShard(history_redis, least.config))
            pytest.fail(f"{story(least)}\n{difference}")
    assert coverage.missing() == []
