"""How quickly do settlements drain to Postgres, beside bare inserts of the same rows; and what is
left of the charges meanwhile?

Settlements are made to wait by holding the lock that the poster needs; the clock runs from when
the first group is posted to when the last is.
"""

import asyncio
import secrets
import time
from typing import Any, NamedTuple

import asyncpg
from redis.asyncio import Redis

from benchmarks.drivers.job import Target, run_driver
from benchmarks.drivers.settles import SettlesJob
from benchmarks.figures import SERVICE, Answer, Figures, Finding
from benchmarks.questions.stream import charge
from benchmarks.rig.bench import Run, Steps, started_installation
from benchmarks.rig.children import ChildFailed
from benchmarks.rig.customers import Customers
from benchmarks.rig.inserting import insert_bare
from benchmarks.rig.service import Service
from quota.keys import key

NAME = "settle drain"
DRAIN, BARE, ALONE, MEANWHILE = "drain", "bare inserts", "charges alone", "charges while draining"
SIZE = 100
DRAIN_AIM, CHARGES_AIM = 0.6, 0.7
LOOK_S, PATIENCE_S, TIMEOUT_S = 0.02, 300.0, 300.0
# Calls that are needed for each second in which charges are looked at while the outbox drains.
CHARGING_S = 4.0
HOLD = "SELECT n FROM shard_progress WHERE shard = 0 FOR UPDATE"

Slices = list[tuple[float, int]]


class Drained(NamedTuple):
    """When a drain began and ended, of the monotonic clock, and the calls posted in between."""

    began: float
    ended: float
    calls: int


async def ask(run: Run) -> list[Answer]:
    """Rounds: charges alone, a drain alone, the same rows bare, charges while draining."""
    plan = run.plan
    steps = run.steps(NAME, 5 * plan.drain_rounds)
    rounds: list[dict[str, Figures]] = []
    with run.scratch() as place:
        async with started_installation(run, place) as (service, customers):
            ledger = await asyncpg.connect(service.ledger_dsn)
            try:
                drains = Drains(run, service, customers, ledger, steps)
                rounds = [await drains.round() for _ in range(plan.drain_rounds)]
            finally:
                await ledger.close()
    return [_answer(run, rounds)]


class Drains:
    """A service whose outbox can be dammed up."""

    def __init__(
        self, run: Run, service: Service, customers: Customers, ledger: Any, steps: Steps
    ) -> None:
        self._run, self._service, self._customers = run, service, customers
        self._ledger, self._steps = ledger, steps
        self._target = Target(service.address, service.watched)

    async def round(self) -> dict[str, Figures]:
        """The figures of one round."""
        alone = await self._charges()
        self._steps.done()
        drained, prefix = await self._drain()
        self._steps.done()
        bare = await insert_bare(self._ledger, prefix)
        self._steps.done(1)
        rows_per_call = bare.rows / self._run.plan.drain_calls
        meanwhile, busy = await self._drain_under_load()
        self._steps.done(2)
        drain_rows = drained.calls * rows_per_call / (drained.ended - drained.began)
        return {
            DRAIN: {
                "rows_per_s": drain_rows,
                "calls_per_s": drained.calls / (drained.ended - drained.began),
                "rows_per_call": rows_per_call,
            },
            BARE: {"rows_per_s": bare.rows / bare.seconds},
            ALONE: {"charges_per_s": _rate(alone)},
            MEANWHILE: {
                "charges_per_s": _rate(_within(meanwhile, busy)),
                "calls_per_s": busy.calls / (busy.ended - busy.began),
            },
        }

    async def _drain(self) -> tuple[Drained, str]:
        prefix = secrets.token_hex(6)
        async with self._ledger.transaction():
            await self._ledger.fetchval(HOLD)
            await self._settle(prefix, self._run.plan.drain_calls)
        return await self._followed(), prefix

    async def _drain_under_load(self) -> tuple[Slices, Drained]:
        plan = self._run.plan
        async with self._ledger.transaction():
            await self._ledger.fetchval(HOLD)
            await self._settle(secrets.token_hex(6), plan.drain_calls)
            charging = asyncio.create_task(self._charges(plan.stream_s + CHARGING_S))
            # The driver opens its calls first; what it does before the drain is cut off later.
            await asyncio.sleep(CHARGING_S / 2)
        drained = await self._followed()
        return await charging, drained

    async def _charges(self, seconds: float = 0.0) -> Slices:
        plan = self._run.plan
        found = await charge(
            plan, self._customers, {SERVICE: self._target}, SIZE, seconds or plan.stream_s
        )
        slices: Slices = [(at, count) for at, count in found[SERVICE]["slices"]]  # type: ignore[attr-defined]
        return slices

    async def _settle(self, prefix: str, calls: int) -> None:
        job = SettlesJob(
            self._customers.gateway_key, self._customers.tenants, prefix, self._target, calls
        )
        await run_driver("settles", job, TIMEOUT_S)

    async def _followed(self) -> Drained:
        """Watches the shard's numbers until everything is posted."""
        name = key(0, "epoch")
        began, first_n = 0.0, -1
        async with Redis.from_url(self._service.store_url) as store, asyncio.timeout(PATIENCE_S):
            start_n: int | None = None
            while True:
                n, posted = (int(each or 0) for each in await store.hmget(name, ["n", "posted"]))
                now = time.monotonic()
                start_n = posted if start_n is None else start_n
                if posted > start_n and first_n < 0:
                    began, first_n = now, posted
                if posted == n:
                    break
                await asyncio.sleep(LOOK_S)
        if first_n in (-1, n):
            raise ChildFailed("the outbox drained before it could be watched: settle more calls")
        return Drained(began, now, n - first_n)


def _rate(slices: Slices) -> float:
    (began, before), (ended, after) = slices[0], slices[-1]
    return (after - before) / (ended - began)


def _within(slices: Slices, drained: Drained) -> Slices:
    kept = [each for each in slices if drained.began <= each[0] <= drained.ended]
    if len(kept) < 2:
        raise ChildFailed("the drain and the charges did not overlap: settle more calls")
    return kept


def _answer(run: Run, rounds: list[dict[str, Figures]]) -> Answer:
    findings = [
        Finding.over(
            rounds,
            (DRAIN, BARE),
            "rows_per_s",
            "drain",
            "settle drain",
            unit="rows/s",
            beside="bare inserts of the same rows",
            aim=DRAIN_AIM,
        ),
        Finding.over(
            rounds,
            (MEANWHILE, ALONE),
            "charges_per_s",
            "drain_charges",
            "charges while draining",
            unit="charges/s",
            beside="charges alone",
            aim=CHARGES_AIM,
        ),
    ]
    notes = [
        f"drain: {run.plan.drain_calls:,} settled calls wait, each a row of its own and one for "
        "each posting; the bare inserts write the same rows into copies of both tables with all "
        "indexes and checks but without triggers, by unnest, 500 calls a transaction, on one "
        "connection",
        f"drain: charges come {SIZE} a message on streams",
    ]
    return Answer(NAME, notes, rounds, findings)
