"""A sizing model: measured costs of operations, and what a load of calls needs of each part.

`python -m benchmarks.capacity RESULTS --calls 20000 --report-s 5 --call-s 180 --tenants 2000`
prints what one load needs; RESULTS is a directory or file that `make bench` wrote.
"""

import argparse
import json
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

SECONDS_A_DAY = 86_400
# Above this share of a core the queues grow: the latency question shows by how much.
FULL = 0.7
RETENTION_S = 600
STREAM, GROWTH = "stream, 100 charges a message", "growth"
UNARY = "unary {}, distinct calls"


class Costs(NamedTuple):
    """What one operation costs: microseconds of a core, bytes of memory, rows of the ledger."""

    server_charge_us: float
    server_authorize_us: float
    server_settle_us: float
    store_charge_us: float
    store_authorize_us: float
    store_settle_us: float
    call_bytes: float
    tenant_bytes: float
    rows_per_call: float
    drained_calls_per_s: float


class Load(NamedTuple):
    """Calls that run at once, seconds between reports, seconds that a call lasts, tenants."""

    calls: int
    report_s: float
    call_s: float
    tenants: int


class Needs(NamedTuple):
    """What a load needs. Processes and masters are whole, at most seven tenths busy."""

    charges_per_s: float
    starts_per_s: float
    server_cores: float
    server_processes: int
    store_cores: float
    store_masters: int
    store_mb: float
    ledger_rows_per_day: float
    ledger_busy: float


def needs(costs: Costs, load: Load) -> Needs:
    """What a load needs, by the formulas of docs/capacity.md."""
    charges = load.calls / load.report_s
    starts = load.calls / load.call_s
    server = (
        charges * costs.server_charge_us
        + starts * (costs.server_authorize_us + costs.server_settle_us)
    ) / 1e6
    store = (
        charges * costs.store_charge_us
        + starts * (costs.store_authorize_us + costs.store_settle_us)
    ) / 1e6
    kept = load.calls + starts * RETENTION_S
    return Needs(
        charges_per_s=charges,
        starts_per_s=starts,
        server_cores=server,
        server_processes=max(1, math.ceil(server / FULL)),
        store_cores=store,
        store_masters=max(1, math.ceil(store / FULL)),
        store_mb=(kept * costs.call_bytes + load.tenants * costs.tenant_bytes) / 2**20,
        ledger_rows_per_day=starts * SECONDS_A_DAY * costs.rows_per_call,
        ledger_busy=starts / costs.drained_calls_per_s,
    )


class Incomplete(Exception):
    """The results lack an answer that the model needs; the message names it."""


def costs_of(results: Mapping[str, Any]) -> Costs:
    """The costs that a run measured. Raises Incomplete."""
    largest = _subjects(results, GROWTH)[-1]
    return Costs(
        server_charge_us=_figure(results, STREAM, "service", "worker_cpu_us"),
        server_authorize_us=_figure(results, UNARY.format("Authorize"), "service", "worker_cpu_us"),
        server_settle_us=_figure(results, UNARY.format("Settle"), "service", "worker_cpu_us"),
        store_charge_us=_figure(results, GROWTH, largest, "charge_cpu_us"),
        store_authorize_us=_figure(results, GROWTH, largest, "authorize_cpu_us"),
        store_settle_us=_figure(results, GROWTH, largest, "settle_cpu_us"),
        call_bytes=_figure(results, "memory per active call", "active calls", "bytes_per_call"),
        tenant_bytes=_figure(results, GROWTH, largest, "bytes_per_tenant"),
        rows_per_call=_figure(results, "settle drain", "drain", "rows_per_call"),
        drained_calls_per_s=_figure(results, "settle drain", "drain", "calls_per_s"),
    )


def _subjects(results: Mapping[str, Any], question: str) -> list[str]:
    try:
        return list(results["questions"][question]["medians"])
    except KeyError:
        raise Incomplete(f"the results hold no answer to: {question}") from None


def _figure(results: Mapping[str, Any], question: str, subject: str, name: str) -> float:
    _subjects(results, question)
    return float(results["questions"][question]["medians"][subject][name])


WORKED = (
    Load(calls=1_000, report_s=5, call_s=180, tenants=100),
    Load(calls=20_000, report_s=5, call_s=180, tenants=2_000),
    Load(calls=100_000, report_s=5, call_s=180, tenants=10_000),
    Load(calls=100_000, report_s=1, call_s=180, tenants=10_000),
    Load(calls=1_000_000, report_s=5, call_s=180, tenants=100_000),
)


def written(costs: Costs, loads: Iterable[Load] = WORKED) -> str:
    """The costs and the worked loads as two tables of Markdown."""
    lines = [
        "| cost | server process | Redis master |",
        "|---|---|---|",
        f"| a charge, on a stream, 100 a message | {costs.server_charge_us:,.1f} µs "
        f"| {costs.store_charge_us:,.1f} µs |",
        f"| an Authorize, unary | {costs.server_authorize_us:,.0f} µs "
        f"| {costs.store_authorize_us:,.1f} µs |",
        f"| a Settle, unary, with its posting | {costs.server_settle_us:,.0f} µs "
        f"| {costs.store_settle_us:,.1f} µs |",
        "",
        f"A call takes {costs.call_bytes:,.0f} bytes, a tenant {costs.tenant_bytes:,.0f}; a "
        f"settled call becomes {costs.rows_per_call:.1f} rows of Postgres, and "
        f"{costs.drained_calls_per_s:,.0f} calls drain in a second.",
        "",
        "| calls at once | report every | tenants | charges/s | starts/s | server processes "
        "| Redis masters | Redis memory | Postgres rows a day | posting busy |",
        "|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for load in loads:
        need = needs(costs, load)
        lines.append(
            f"| {load.calls:,} | {load.report_s:g} s | {load.tenants:,} "
            f"| {need.charges_per_s:,.0f} | {need.starts_per_s:,.0f} "
            f"| {need.server_processes} ({need.server_cores:.2f} cores) "
            f"| {need.store_masters} ({need.store_cores:.2f} cores) "
            f"| {need.store_mb:,.0f} MiB | {need.ledger_rows_per_day / 1e6:,.1f} million "
            f"| {need.ledger_busy:.0%} |"
        )
    return "\n".join(lines)


def read(path: Path) -> dict[str, Any]:
    """The results in a directory or file."""
    found: dict[str, Any] = json.loads(
        (path / "results.json" if path.is_dir() else path).read_text()
    )
    return found


def main() -> None:
    """Print what a load needs."""
    parser = argparse.ArgumentParser(prog="benchmarks.capacity", description=__doc__)
    parser.add_argument("results", type=Path)
    parser.add_argument("--calls", type=int, help="calls at once; without it the worked table")
    parser.add_argument("--report-s", type=float, default=5)
    parser.add_argument("--call-s", type=float, default=180)
    parser.add_argument("--tenants", type=int, default=1_000)
    told = parser.parse_args()
    load = Load(told.calls or 0, told.report_s, told.call_s, told.tenants)
    try:
        print(written(costs_of(read(told.results)), [load] if told.calls else WORKED))
    except Incomplete as error:
        parser.exit(1, f"{error}: run make bench with all questions\n")


if __name__ == "__main__":
    main()
