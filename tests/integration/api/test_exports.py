"""CSV files over the API: what is in them, that they are harmless, and held only in part."""

import csv
import gc
import io
from typing import Any

import asyncpg
import grpc
import pytest

from ledger.history.exporting import PORTION, HistoryExport
from ledger.history.row import HistoryFilter
from server.billing.history import exports
from tests.integration.api.client import Client, Told
from tests.integration.api.gateway import Gateway
from tests.integration.api.installation import Installation, eventually
from tollgate.v1 import history_pb2 as pb

TRANSACTIONS, CALLS = pb.EXPORT_TABLE_TRANSACTIONS, pb.EXPORT_TABLE_CALLS
CDR, REFUSALS = pb.EXPORT_TABLE_CDR, pb.EXPORT_TABLE_REFUSALS


@pytest.fixture
async def march(installation: Installation) -> Installation:
    """An installation with the example month."""
    await installation.admin(
        pb.SeedExampleRequest(request_id="s", tenant_id="march", example="march-2026")
    )
    return installation


def export(table: pb.ExportTable.ValueType, **fields: Any) -> pb.ExportHistoryRequest:
    given: dict[str, Any] = {"tenant_id": "march", "table": table}
    return pb.ExportHistoryRequest(**(given | fields))


async def text_of(client: Client, request: pb.ExportHistoryRequest) -> str:
    """The whole file."""
    chunks = [reply.chunk for reply in await client(request)]
    assert all(len(chunk) <= 64 * 1024 for chunk in chunks)
    return b"".join(chunks).decode()


def parsed(text: str, separator: str = ",") -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline=""), delimiter=separator))


async def test_the_example_months_transactions_in_russian_for_excel(march: Installation) -> None:
    request = export(
        TRANSACTIONS,
        first_day="2026-03-01",
        last_day="2026-03-15",
        language=pb.LANGUAGE_RUSSIAN,
        byte_order_mark=True,
    )
    lines = (await text_of(march.admin, request)).split("\r\n")
    assert lines[:3] == [
        "\ufeffНомер;Дата и время;Тип;Описание;Сумма;Валюта;Статус;Звонков;Подробности",
        "7;01.03.2026 10:15:00;Пополнение;Пополнение (Stripe);100,00;USD;Выполнено;;",
        "8;10.03.2026 19:33:41;Списание (Аналитика);Списание (Аналитика);-0,50;USD;Выполнено;25;",
    ]
    amounts = [line.split(";")[4] for line in lines[1:-1]]
    assert amounts == ["100,00", "-0,50", "-2,85", "-4,10", "-3,25", "50,00"]
    assert lines[-1] == ""


async def test_the_example_months_calls_add_up_in_english(march: Installation) -> None:
    month = {"first_day": "2026-03-01", "last_day": "2026-03-31"}
    rows = parsed(await text_of(march.admin, export(CALLS, **month)))
    assert len(rows) == 847
    assert sum(round(float(row["Charged"]) * 1000) for row in rows) == 57_500
    tokens = ("Input tokens", "Cached tokens", "Output tokens")
    assert sum(int(row[name]) for row in rows for name in tokens) == 3_200_000
    costs = [name for name in rows[0] if name.startswith("Cost of")] + ["Other cost"]
    for row in rows:
        parts = sum(round(float(row[name]) * 1000) for name in costs)
        assert parts == round(float(row["Cost"]) * 1000)
        assert (row["Tariff version"], row["Model"]) == ("standard@1", "generic-assistant")
    assert rows[0]["Caller"].startswith("'+7495")


async def test_call_detail_records_are_in_asterisks_order(march: Installation) -> None:
    request = export(CDR, first_day="2026-03-12", last_day="2026-03-12")
    rows = list(csv.reader(io.StringIO(await text_of(march.admin, request), newline="")))
    for row in rows:
        assert len(row) == 18
        assert row[0] == "march"
        assert row[1].startswith("+7495")
        assert row[2] == "+74955550100"
        assert int(row[12]) == int(row[13]) + 4
        assert row[14:16] == ["ANSWERED", "BILLING"]
        assert row[16].startswith("20260312-")
    assert [row[10] for row in rows] == sorted(row[10] for row in rows)


async def test_cells_that_start_a_formula_are_harmless(
    installation: Installation, gateway: Gateway
) -> None:
    parties = {"caller": '=1+"1"', "callee": "@SUM(A1);2"}
    await gateway.accepted("-c1", **parties)
    await gateway.posted("-c1", 10, **parties)
    await gateway.refused("+r", model="gpt-9", **parties)
    await installation.parts.refusals.flush()
    for table in (CALLS, REFUSALS, CDR):
        for language in (pb.LANGUAGE_ENGLISH, pb.LANGUAGE_RUSSIAN):
            russian = language == pb.LANGUAGE_RUSSIAN and table != CDR
            text = await text_of(
                installation.admin, export(table, tenant_id="acme", language=language)
            )
            rows = list(csv.reader(io.StringIO(text), delimiter=";" if russian else ","))
            cells = {cell for row in rows for cell in row}
            assert {'\'=1+"1"', "'@SUM(A1);2"} <= cells
            assert cells & {"'-c1", "'+r"}
            assert not [cell for cell in cells if cell.startswith(("=", "+", "@", "-", "\t"))]


async def test_an_export_masks_numbers_like_a_list(march: Installation) -> None:
    for scopes, sees in ((["tenant:march"], False), (["tenant:march", "numbers"], True)):
        client = await march.client(*scopes)
        for table in (CALLS, CDR):
            text = await text_of(client, export(table, last_day="2026-02-28"))
            assert ("+749******00" not in text) == sees
            assert ("+74955550100" in text) == sees


async def test_a_bound_key_exports_its_own_tenant_alone(march: Installation) -> None:
    await march.tenant("acme")
    client = await march.client("tenant:acme")
    denied = Told(grpc.StatusCode.PERMISSION_DENIED, "PERMISSION_DENIED")
    assert await client.told(export(TRANSACTIONS)) == denied
    own = await text_of(client, export(TRANSACTIONS, tenant_id="acme"))
    assert len(own.splitlines()) == 1


async def test_a_long_export_holds_a_portion_of_it_and_no_more(march: Installation) -> None:
    await march.parts._pool.execute(
        "INSERT INTO history (tenant, number, key, kind, status, day, at, amount_micros, calls, "
        "note) SELECT 'march', n, 'n' || n, 'adjustment', 'succeeded', '2026-04-01', now(), 1, 0, "
        "'much' FROM generate_series(1000, 30999) AS n"
    )
    held, seen = 0, 0
    async for _ in HistoryExport(march.parts._pool).rows("march", HistoryFilter()):
        seen += 1
        if seen % 1_000 == 0:
            alive = sum(isinstance(each, asyncpg.Record) for each in gc.get_objects())
            held = max(held, alive)
    assert seen > 30_000
    assert held <= 3 * PORTION


async def test_a_tenant_has_one_export_at_a_time_which_ends_with_its_reader(
    march: Installation,
) -> None:
    await march.parts._pool.execute(
        "INSERT INTO history (tenant, number, key, kind, status, day, at, amount_micros, calls, "
        "note) SELECT 'march', n, 'n' || n, 'adjustment', 'succeeded', '2026-04-01', now(), 1, 0, "
        "repeat('much', 40) FROM generate_series(1000, 60999) AS n"
    )
    await march.tenant("acme")
    reader = march.admin.stream(export(TRANSACTIONS), 60)
    await reader.read()
    second = await march.admin.error(export(TRANSACTIONS))
    assert second.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "an export of this tenant is running" in str(second.details())
    assert await text_of(march.admin, export(TRANSACTIONS, tenant_id="acme"))
    reader.cancel()

    async def taken_again() -> bool:
        try:
            await march.admin(export(TRANSACTIONS, first_day="2026-03-01", last_day="2026-03-02"))
        except grpc.aio.AioRpcError:
            return False
        return True

    await eventually(taken_again)


async def test_an_export_that_takes_too_long_ends_and_says_so(
    march: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(exports, "LIMIT_S", 0)
        told = await march.admin.told(export(CALLS))
        assert told == Told(grpc.StatusCode.FAILED_PRECONDITION, "EXPORT_TOO_LONG")
    assert await text_of(march.admin, export(CALLS))
