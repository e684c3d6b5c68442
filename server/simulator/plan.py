"""Which calls a simulation makes: drawn at random, the same for the same seed."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random

from server.simulator.speech import MODELS, Model
from tollgate.v1 import common_pb2

UNANSWERED_SHARE = 0.08
SHORTER_THAN_FREE_SHARE = 0.05
LENGTH_SIGMA = 0.7
LONGEST_S = 1_800
ANALYTICS_SHARE = 0.3
CODES = ("202", "303", "415", "512", "617", "702")


@dataclass(frozen=True, slots=True)
class CallPlan:
    """One call as it would go if nobody stopped it."""

    tenant_id: str
    call_id: str
    model: Model
    caller: str
    callee: str
    direction: common_pb2.Direction.ValueType
    analytics: bool
    ring_ms: int
    answered: bool
    talk_ms: int
    seed: int
    pause_ms: int


def plan_calls(run: str, seed: int, tenants: Sequence[str], median_s: float) -> Iterator[CallPlan]:
    """Calls without end, taking the tenants by turns. `run` begins every call_id."""
    random = Random(seed)
    number = 0
    while True:
        for tenant_id in tenants:
            number += 1
            yield _draw(random, tenant_id, f"{run}-{number:05d}", median_s)


def _draw(random: Random, tenant_id: str, call_id: str, median_s: float) -> CallPlan:
    inbound = random.random() < 0.6
    number_of_line, number_of_other = _phone(random), _phone(random)
    return CallPlan(
        tenant_id=tenant_id,
        call_id=call_id,
        model=random.choices(MODELS, (5, 2, 3))[0],
        caller=number_of_other if inbound else number_of_line,
        callee=number_of_line if inbound else number_of_other,
        direction=common_pb2.DIRECTION_INBOUND if inbound else common_pb2.DIRECTION_OUTBOUND,
        analytics=random.random() < ANALYTICS_SHARE,
        ring_ms=random.randint(1_000, 12_000),
        answered=random.random() >= UNANSWERED_SHARE,
        talk_ms=_talk_ms(random, median_s),
        seed=random.getrandbits(32),
        pause_ms=random.randint(500, 6_000),
    )


def _talk_ms(random: Random, median_s: float) -> int:
    if random.random() < SHORTER_THAN_FREE_SHARE:
        return random.randint(500, 2_900)
    length_s = random.lognormvariate(math.log(median_s), LENGTH_SIGMA)
    return round(1000 * min(max(length_s, 4.0), LONGEST_S))


def _phone(random: Random) -> str:
    """A number of the range that is kept free for fiction."""
    return f"+1{random.choice(CODES)}55501{random.randint(0, 99):02d}"
