"""The sizing model, and that the documents show what was measured."""

from pathlib import Path

import pytest

from benchmarks import publish
from benchmarks.capacity import Costs, Incomplete, Load, costs_of, needs, read
from benchmarks.machine import ROOT

COSTS = Costs(
    server_charge_us=20,
    server_authorize_us=300,
    server_settle_us=700,
    store_charge_us=10,
    store_authorize_us=15,
    store_settle_us=25,
    call_bytes=512,
    tenant_bytes=256,
    rows_per_call=4,
    drained_calls_per_s=2_000,
)
LOAD = Load(calls=100_000, report_s=5, call_s=100, tenants=4_096)


def test_a_load_needs_what_its_operations_cost() -> None:
    need = needs(COSTS, LOAD)
    assert need.charges_per_s == 20_000
    assert need.starts_per_s == 1_000
    assert need.server_cores == pytest.approx(20_000 * 20e-6 + 1_000 * 1_000e-6)
    assert need.store_cores == pytest.approx(20_000 * 10e-6 + 1_000 * 40e-6)
    assert need.ledger_rows_per_day == 1_000 * 86_400 * 4
    assert need.ledger_busy == 0.5


def test_processes_are_whole_and_at_most_seven_tenths_busy() -> None:
    need = needs(COSTS, LOAD)
    assert need.server_processes == 2
    assert need.store_masters == 1
    assert needs(COSTS, LOAD._replace(report_s=1)).store_masters == 2


def test_the_smallest_load_needs_one_of_each() -> None:
    need = needs(COSTS, Load(calls=1, report_s=5, call_s=100, tenants=1))
    assert (need.server_processes, need.store_masters) == (1, 1)


def test_settled_calls_take_memory_for_ten_minutes() -> None:
    kept = 100_000 + 1_000 * 600
    assert needs(COSTS, LOAD).store_mb == pytest.approx((kept * 512 + 4_096 * 256) / 2**20)


def test_results_without_an_answer_are_told() -> None:
    with pytest.raises(Incomplete, match="growth"):
        costs_of({"questions": {}})


@pytest.mark.parametrize("path", publish.PLACES, ids=lambda path: path.name)
def test_the_documents_show_the_results_that_they_name(path: Path) -> None:
    text = path.read_text()
    source = publish.source_of(text)
    figures = publish.UNMEASURED
    if source != publish.NONE:
        figures = publish.PLACES[path](read(ROOT / source))
    assert publish.put(text, source, figures) == text


def test_figures_are_put_between_the_markers_only() -> None:
    text = "before\n<!-- figures of old -->\n1\n<!-- end of figures -->\nafter\n"
    told = publish.put(text, "new", r"\1 stays as it is")
    assert told == (
        "before\n<!-- figures of new -->\n\\1 stays as it is\n<!-- end of figures -->\nafter\n"
    )
    assert publish.source_of(told) == "new"
