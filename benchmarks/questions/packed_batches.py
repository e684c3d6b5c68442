"""How many charges can the store decide, driven directly with packed batches of one size?"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from benchmarks.figures import Answer, Figures
from benchmarks.rig.bench import Run
from benchmarks.rig.shard import Shard
from quota.shard_line import MOST_IN_FLIGHT
from server.embedded import EmbeddedValkey

NAME = "packed charges, the store alone"


async def ask(run: Run) -> list[Answer]:
    """Rounds over all sizes, while nothing else runs."""
    plan = run.plan
    steps = run.steps(NAME, plan.batch_rounds * len(plan.batch_sizes))
    rounds = []
    async with lone_shard(run, plan.tenants) as shard:
        await asyncio.to_thread(shard.open, plan.batch_calls)
        for _ in range(plan.batch_rounds):
            figures: dict[str, Figures] = {}
            for size in plan.batch_sizes:
                measured = await asyncio.to_thread(shard.measure, size, plan.batch_s)
                figures[f"batch of {size}"] = measured
                steps.done()
            rounds.append(figures)
    notes = [
        f"the store alone: one connection, {MOST_IN_FLIGHT} batches in flight, {plan.tenants} "
        f"tenants, {plan.batch_calls} calls, rising usage; packing and unpacking are not counted"
    ]
    return [Answer(NAME, notes, rounds)]


@asynccontextmanager
async def lone_shard(run: Run, tenants: int) -> AsyncIterator[Shard]:
    """A shard on a store of its own, with the service's settings."""
    with run.scratch() as place:
        store = EmbeddedValkey(place / "store")
        await store.start()
        try:
            assert store.pid is not None
            shard = Shard(store.url, store.pid, tenants)
            yield shard
            shard.close()
        finally:
            await store.stop()
