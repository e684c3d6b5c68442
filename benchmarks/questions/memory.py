"""How much memory of the live store does an active call take, all keys and indexes counted?"""

import asyncio

from benchmarks.figures import Answer, Finding
from benchmarks.questions.packed_batches import lone_shard
from benchmarks.rig.bench import Run

NAME = "memory per active call"
AIM_BYTES = 400


async def ask(run: Run) -> list[Answer]:
    """The difference that the calls make, after their tenants are loaded, by the store's count."""
    plan = run.plan
    steps = run.steps(NAME, 2)
    async with lone_shard(run, plan.memory_tenants) as shard:
        await asyncio.to_thread(shard.load_tenants)
        before = shard.used_bytes()
        await asyncio.to_thread(shard.open, plan.memory_calls)
        authorized = shard.used_bytes()
        steps.done()
        await asyncio.to_thread(shard.report_all)
        active = shard.used_bytes()
        steps.done()
    figures = {
        "bytes_per_authorized_call": (authorized - before) / plan.memory_calls,
        "bytes_per_call": (active - before) / plan.memory_calls,
    }
    finding = Finding(
        "memory",
        NAME,
        figures["bytes_per_call"],
        float(AIM_BYTES),
        "bytes",
        f"{AIM_BYTES} bytes",
        1.0,
        at_most=True,
    )
    notes = [
        f"memory: {plan.memory_calls:,} calls of {plan.memory_tenants:,} tenants after their first "
        "report, with five meters, two phone numbers, call ids of 36 characters and tenants of 12",
    ]
    return [Answer(NAME, notes, [{"active calls": figures}], [finding])]
