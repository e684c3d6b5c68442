"""What do a million calls and tenants cost, in processor time and memory of the live store?"""

import asyncio
from statistics import median

from benchmarks.figures import Answer, Figures, Finding
from benchmarks.questions.packed_batches import lone_shard
from benchmarks.rig.bench import Run, Steps
from benchmarks.rig.shard import Shard

SIZE = 256
CPU_AIM = 1.6
MEMORY_AIM_MB = 1_024
QUIET_S, LOOK_S = 120.0, 0.2
KINDS = ("charge", "authorize", "settle")


async def ask(run: Run) -> list[Answer]:
    """The same batches on a small shard and on a large one, each on a store of its own."""
    plan = run.plan
    total = sum(plan.growth_sizes)
    steps = run.steps("growth", total)
    figures = {size: await _measure(run, size, steps) for size in plan.growth_sizes}
    small, large = plan.growth_sizes
    few, many = _subject(small), _subject(large)
    rounds: list[dict[str, Figures]] = [{few: figures[small], many: figures[large]}]
    findings = [
        Finding(
            f"growth_{kind}",
            f"store CPU per {kind}, {large:,} calls and tenants",
            figures[large][f"{kind}_cpu_us"],
            figures[small][f"{kind}_cpu_us"],
            "µs",
            f"{small:,} calls and tenants",
            CPU_AIM,
            at_most=True,
        )
        for kind in KINDS
    ]
    findings.append(
        Finding(
            "growth_memory",
            f"store memory, {large:,} calls and tenants",
            figures[large]["used_mb"],
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
    return [Answer("growth", notes, rounds, findings)]


def _subject(size: int) -> str:
    return f"{size:,} calls and tenants"


async def _measure(run: Run, size: int, steps: Steps) -> dict[str, float]:
    plan = run.plan
    async with lone_shard(run, tenants=size) as shard:
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
        charges = [
            await asyncio.to_thread(shard.measure, SIZE, plan.growth_s)
            for _ in range(plan.growth_rounds)
        ]
        authorizes = await asyncio.to_thread(shard.measure_authorizes, SIZE, plan.growth_batches)
        settles = await asyncio.to_thread(shard.measure_settles, SIZE, plan.growth_batches)
    return {
        "charges_per_s": median(each["charges_per_s"] for each in charges),
        "charge_cpu_us": median(each["store_cpu_us"] for each in charges),
        "authorize_cpu_us": authorizes["store_cpu_us"],
        "settle_cpu_us": settles["store_cpu_us"],
        "used_mb": (full - empty) / 2**20,
        "bytes_per_tenant": (loaded - empty) / size,
        "bytes_per_call": (full - loaded) / size,
    }


async def _until_quiet(shard: Shard) -> None:
    """Waits for the rewriting of the append-only file, which would be measured as well."""
    ends_at = asyncio.get_running_loop().time() + QUIET_S
    while not shard.is_quiet():
        if asyncio.get_running_loop().time() > ends_at:
            raise TimeoutError(f"the store still rewrites its file after {QUIET_S:.0f} s")
        await asyncio.sleep(LOOK_S)
