"""What do a million calls and tenants cost, in processor time and memory of the live store?"""

import asyncio
from contextlib import AsyncExitStack

from benchmarks.figures import Answer, Figures, Finding
from benchmarks.plan import Plan
from benchmarks.questions.packed_batches import lone_shard
from benchmarks.rig.bench import Run, Steps
from benchmarks.rig.shard import Shard

SIZE = 256
CPU_AIM = 1.6
MEMORY_AIM_MB = 1_024
QUIET_S, LOOK_S = 120.0, 0.2
KINDS = ("charge", "authorize", "settle")


async def ask(run: Run) -> list[Answer]:
    """The same batches on a small shard and on a large one in turns, each on a store of its own."""
    plan = run.plan
    steps = run.steps("growth", sum(plan.growth_sizes))
    async with AsyncExitStack() as stack:
        shards, memory = {}, {}
        for size in plan.growth_sizes:
            shard = await stack.enter_async_context(lone_shard(run, tenants=size))
            memory[_subject(size)] = await _grow(shard, size, steps)
            shards[_subject(size)] = shard
        rounds: list[dict[str, Figures]] = [memory]
        for ask_all in (_charges, _authorizes_and_settles):
            for number in range(plan.growth_rounds):
                # Who comes first takes turns.
                names = list(shards)[:: 1 if number % 2 == 0 else -1]
                rounds.append({name: await ask_all(plan, shards[name]) for name in names})
    return [_answer(plan, rounds)]


def _subject(size: int) -> str:
    return f"{size:,} calls and tenants"


async def _grow(shard: Shard, size: int, steps: Steps) -> Figures:
    """Brings so many tenants and calls to life; what they take."""
    loop = asyncio.get_running_loop()
    empty = shard.used_bytes()

    def told(count: int) -> None:
        loop.call_soon_threadsafe(steps.done, count)

    await asyncio.to_thread(shard.load_tenants)
    loaded = shard.used_bytes()
    await asyncio.to_thread(shard.open, size, told)
    await asyncio.to_thread(shard.report_all)
    await _until_quiet(shard)
    full = shard.used_bytes()
    return {
        "used_mb": (full - empty) / 2**20,
        "bytes_per_tenant": (loaded - empty) / size,
        "bytes_per_call": (full - loaded) / size,
    }


async def _charges(plan: Plan, shard: Shard) -> Figures:
    found = await asyncio.to_thread(shard.measure, SIZE, plan.growth_s)
    return {"charges_per_s": found["charges_per_s"], "charge_cpu_us": found["store_cpu_us"]}


async def _authorizes_and_settles(plan: Plan, shard: Shard) -> Figures:
    authorizes = await asyncio.to_thread(shard.measure_authorizes, SIZE, plan.growth_batches)
    settles = await asyncio.to_thread(shard.measure_settles, SIZE, plan.growth_batches)
    return {
        "authorize_cpu_us": authorizes["store_cpu_us"],
        "settle_cpu_us": settles["store_cpu_us"],
    }


async def _until_quiet(shard: Shard) -> None:
    """Waits for the rewriting of the append-only file, which would be measured as well."""
    ends_at = asyncio.get_running_loop().time() + QUIET_S
    while not shard.is_quiet():
        if asyncio.get_running_loop().time() > ends_at:
            raise TimeoutError(f"the store still rewrites its file after {QUIET_S:.0f} s")
        await asyncio.sleep(LOOK_S)


def _answer(plan: Plan, rounds: list[dict[str, Figures]]) -> Answer:
    small, large = plan.growth_sizes
    findings = [
        Finding.over(
            rounds,
            (_subject(large), _subject(small)),
            f"{kind}_cpu_us",
            f"growth_{kind}",
            f"store CPU per {kind}, {large:,} calls and tenants",
            unit="µs",
            beside=_subject(small),
            aim=CPU_AIM,
            at_most=True,
        )
        for kind in KINDS
    ]
    findings.append(
        Finding(
            "growth_memory",
            f"store memory, {large:,} calls and tenants",
            rounds[0][_subject(large)]["used_mb"],
            float(MEMORY_AIM_MB),
            "MiB",
            "1 GB",
            1.0,
            at_most=True,
        )
    )
    notes = [
        f"growth: batches of {SIZE}, calls visited far apart from each other; call ids of 36 and "
        "tenants of 12 characters; the append-only file is written, its rewriting is waited for",
    ]
    return Answer("growth", notes, rounds, findings)
