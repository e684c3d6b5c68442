"""Random histories: the script and the oracle must answer and keep the same, to the micro."""

import pytest
from redis import Redis

from quota.batch import Status
from quota.operation import NONE, Load, LookAccount
from tests.oracle.coverage import Coverage
from tests.oracle.histories import START_MS, History, dates_around, generate
from tests.oracle.lockstep import first_difference, shrink, story
from tests.oracle.real import RealShard
from tests.oracle.records import Config

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


def test_a_batch_of_another_epoch_changes_nothing(history_redis: Redis) -> None:
    real = RealShard(history_redis, Config())
    load = Load("anna", 1, 100, 0, NONE, NONE, NONE, NONE, 0, 1, "p", ())
    reply = real.send([load], START_MS, dates_around(START_MS), epoch="2")
    assert (reply.status, reply.stored_epoch) == (Status.OTHER_EPOCH, "1")
    [looked] = real.apply([LookAccount("anna")], START_MS, dates_around(START_MS))
    assert looked.code != 0
