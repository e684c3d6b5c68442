"""When an open-loop load is sent: fixed beforehand, whatever becomes of what was sent earlier."""

import random
from collections.abc import Sequence


def arrivals(rate_per_s: float, seconds: float, seed: int) -> list[float]:
    """Seconds from the start at which independent callers would come (a Poisson process)."""
    chance, now, times = random.Random(seed), 0.0, list[float]()
    while (now := now + chance.expovariate(rate_per_s)) < seconds:
        times.append(now)
    return times


def latencies(
    due: Sequence[float], answered: Sequence[float | None], patience_s: float
) -> list[float]:
    """How long each answer took from when its request was due, sorted: a request that had to wait
    for its turn has waited as well. What was not answered counts as if it had come when patience
    ended: left out, a server would look the quicker the more it turns away.
    """
    pairs = zip(due, answered, strict=True)
    return sorted(patience_s if came is None else came - was_due for was_due, came in pairs)
