"""Does it hold: thousands of calls on streams that are cut at random, money exact, memory flat?"""

import asyncio
import secrets
import time
from collections.abc import Sequence
from statistics import median
from typing import Any

import asyncpg
import grpc
from redis.asyncio import Redis

from benchmarks.drivers.job import Target, run_driver
from benchmarks.drivers.soak import SoakJob
from benchmarks.figures import Answer, Finding, slope
from benchmarks.rig.bench import Run, Steps, started_installation
from benchmarks.rig.children import ChildFailed
from benchmarks.rig.processor import resident_mb
from benchmarks.rig.service import Service
from tollgate.v1 import billing_pb2, billing_pb2_grpc

NAME = "soak"
LOOK_S, MARGIN_S, AUDIT_S = 2.0, 120.0, 60.0
REPORT_S, CALL_S, CUT_S = 5.0, 60.0, 15.0
FLAT = 1.05
USED = "store_used"
COUNT = """
SELECT count(*) AS calls, coalesce(sum(charged_micros), 0)::bigint AS charged,
       count(DISTINCT (tenant, call_id)) AS names,
       (SELECT count(*) FROM set_aside) AS aside
FROM calls WHERE call_id LIKE $1
"""

Points = list[tuple[float, float]]


async def ask(run: Run) -> list[Answer]:
    """One long run. Raises ChildFailed unless audit and counts agree to the micro."""
    plan = run.plan
    steps = run.steps(f"{NAME}, {plan.soak_s:,.0f} s", int(plan.soak_s / LOOK_S))
    prefix = secrets.token_hex(6)
    with run.scratch() as place:
        installation = started_installation(run, place, variables=_settings(plan.soak_s))
        async with installation as (service, customers):
            job = SoakJob(
                customers.gateway_key,
                customers.tenants,
                prefix,
                Target(service.address, service.watched),
                plan.soak_calls,
                plan.soak_streams,
                plan.soak_s,
                REPORT_S,
                min(CALL_S, plan.soak_s / 5),
                min(CUT_S, plan.soak_s / 5),
                seed=1,
            )
            watching = asyncio.create_task(_watch(service, steps))
            try:
                told = await run_driver("soak", job, plan.soak_s + MARGIN_S)
            finally:
                watching.cancel()
                (memory,) = await asyncio.gather(watching)
            audit = await _audit(service)
            counted = await _count(service, prefix)
    return [_answer(run, told, memory, audit, counted)]


def _settings(seconds: float) -> dict[str, str]:
    """The ordinary lease; settled calls are forgotten early enough for memory to become flat."""
    return {
        "TOLLGATE_LEASE_MS": "60000",
        "TOLLGATE_SETTLED_RETENTION_S": str(max(1, int(seconds / 10))),
    }


async def _watch(service: Service, steps: Steps) -> dict[str, Points]:
    """Memory over time, until cancelled: that of both processes, and what the store itself uses of
    its own; the rest of that is what the allocator keeps for later.
    """
    pids = {name: each[0] for name, each in service.watched.items()}
    points: dict[str, Points] = {name: [] for name in (*pids, USED)}
    started = time.monotonic()
    async with Redis.from_url(service.store_url) as store:
        try:
            while True:
                used = (await store.info("memory"))["used_memory"] / 2**20
                for name, megabytes in [(USED, used), *((n, resident_mb(pids[n])) for n in pids)]:
                    points[name].append((time.monotonic() - started, megabytes))
                steps.done()
                await asyncio.sleep(LOOK_S)
        except asyncio.CancelledError:
            return points


async def _audit(service: Service) -> billing_pb2.AuditResponse:
    metadata = (("authorization", f"Bearer {service.admin_key}"),)
    async with grpc.aio.insecure_channel(service.address) as channel:
        stub: Any = billing_pb2_grpc.BillingServiceStub(channel)
        found: billing_pb2.AuditResponse = await stub.Audit(
            billing_pb2.AuditRequest(), metadata=metadata, timeout=AUDIT_S
        )
    return found


async def _count(service: Service, prefix: str) -> dict[str, int]:
    ledger = await asyncpg.connect(service.ledger_dsn)
    try:
        row: Any = await ledger.fetchrow(COUNT, f"{prefix}-%")
        return dict(row)
    finally:
        await ledger.close()


def faults(told: dict[str, Any], audit: billing_pb2.AuditResponse, counted: dict[str, int]) -> str:
    """What is wrong at the end, as text; empty when all is well."""
    counts = told["counts"]
    wrong = {
        "differences found by the audit": len(audit.differences),
        "micros by which the postings do not sum to zero": audit.unbalanced_micros,
        "entries still to be posted": audit.outbox_depth,
        "settlements set aside": counted["aside"],
        "calls that were started but not posted": counts["started"] - counts["posted"],
        "calls more or less in the ledger than posted": counted["calls"] - counts["posted"],
        "calls posted twice": counted["calls"] - counted["names"],
        "micros charged beyond what was told": counted["charged"] - told["charged_micros"],
        "refusals": counts.get("refused", 0),
    }
    return ", ".join(f"{number} {what}" for what, number in wrong.items() if number)


def _answer(
    run: Run,
    told: dict[str, Any],
    memory: dict[str, Points],
    audit: billing_pb2.AuditResponse,
    counted: dict[str, int],
) -> Answer:
    wrong = faults(told, audit, counted)
    if wrong:
        raise ChildFailed(f"the soak ended with {wrong}; {told['counts']}")
    counts = told["counts"]
    figures = {
        "calls_posted": float(counts["posted"]),
        "operations": float(counts["operations"]),
        "cuts": float(counts["cuts"]),
        "audit_differences": 0.0,
        **{f"{name}_mb": points[-1][1] for name, points in memory.items()},
        **{f"{name}_mb_per_hour": _growth(points) for name, points in memory.items()},
    }
    notes = [
        f"soak: {run.plan.soak_s:,.0f} s, {run.plan.soak_calls:,} calls on "
        f"{run.plan.soak_streams} streams; {counts['cuts']} cuts; every call posted once, the sum "
        "in the ledger equals what the settlements told, the audit found no difference",
        "soak: the growth of memory is that of the second half, by least squares; settled calls "
        "are kept for a tenth of the soak",
    ]
    findings = [
        _flatness("soak_worker", "the server", memory["worker"]),
        _flatness("soak_store", "what the store holds", memory[USED]),
    ]
    series = {f"{name}, MiB": points for name, points in memory.items()}
    return Answer(NAME, notes, [{"soak": figures}], findings, series)


def _flatness(key: str, whose: str, points: Sequence[tuple[float, float]]) -> Finding:
    """The last tenth of the time beside the one that begins the second half."""
    tenth = max(1, len(points) // 10)
    middle, end = points[len(points) // 2 :][:tenth], points[-tenth:]
    before, after = (median(megabytes for _, megabytes in each) for each in (middle, end))
    return Finding(
        key,
        f"memory of {whose} at the soak's end",
        after,
        before,
        "MiB",
        "half way",
        FLAT,
        at_most=True,
    )


def _growth(points: Sequence[tuple[float, float]]) -> float:
    return slope(points[len(points) // 2 :]) * 3_600
