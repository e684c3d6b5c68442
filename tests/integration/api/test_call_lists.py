"""Settled calls over the API: which ones are listed, and what each of their meters came to."""

from typing import Any

import grpc
import pytest

from tests.integration.api.client import Told
from tests.integration.api.installation import Installation
from tollgate.v1 import billing_pb2 as pb
from tollgate.v1 import call_authorization_pb2 as calls_pb
from tollgate.v1 import common_pb2
from tollgate.v1 import history_pb2 as history

INVALID = grpc.StatusCode.INVALID_ARGUMENT


@pytest.fixture
async def march(installation: Installation) -> Installation:
    """An installation with the example month."""
    await installation.admin(
        history.SeedExampleRequest(request_id="s", tenant_id="march", example="march-2026")
    )
    return installation


async def listed(march: Installation, **fields: Any) -> list[common_pb2.Call]:
    """Every page."""
    request, calls = pb.ListCallsRequest(tenant_id="march", page_size=300, **fields), []
    while True:
        page = await march.admin(request)
        calls += page.calls
        if not page.next_page_token:
            return calls
        request.page_token = page.next_page_token


async def test_calls_are_found_by_their_days(march: Installation) -> None:
    days = {"first_day": "2026-03-12", "last_day": "2026-03-13"}
    found = await listed(march, **days)
    assert {call.call_id[:8] for call in found} == {"20260312", "20260313"}
    assert len(found) == 41 + 59
    assert sum(call.charged_micros for call in found) == 2_850_000 + 4_100_000
    assert len(await listed(march, first_day="2026-03-01", last_day="2026-03-31")) == 847


async def test_calls_are_found_by_number_assistant_model_and_outcome(march: Installation) -> None:
    everything = await listed(march)
    sample = everything[100]
    for field, value, matches in (
        ("number", sample.caller, lambda call: sample.caller in (call.caller, call.callee)),
        ("assistant_id", sample.assistant_id, lambda call: call.assistant_id == "reception"),
        ("model", sample.model, lambda call: call.model == "generic-assistant"),
        ("outcomes", [sample.outcome], lambda call: call.outcome == sample.outcome),
    ):
        expected = [call.call_id for call in everything if matches(call)]
        assert sample.call_id in expected
        assert [call.call_id for call in await listed(march, **{field: value})] == expected
    other: dict[str, Any] = {
        "number": "+70000000000",
        "assistant_id": "nobody",
        "model": "gpt-9",
        "outcomes": [common_pb2.OUTCOME_BUSY],
    }
    for field, unknown in other.items():
        assert await listed(march, **{field: unknown}) == [], field


async def test_the_calls_of_a_history_row_are_filtered_too(march: Installation) -> None:
    row = await listed(march, transaction_number=9)
    assert len(row) == 41
    some = await listed(march, transaction_number=9, number=row[0].caller)
    assert 1 <= len(some) < 41
    assert await listed(march, transaction_number=9, first_day="2026-03-13") == []


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"first_day": "12.03.2026"}, Told(INVALID, "INVALID", "first_day")),
        ({"last_day": "2026-02-30"}, Told(INVALID, "INVALID", "last_day")),
        ({"model": "m\0"}, Told(INVALID, "INVALID", "model")),
        ({"assistant_id": "a" * 201}, Told(INVALID, "INVALID", "assistant_id")),
        ({"number": "\n"}, Told(INVALID, "INVALID", "number")),
        ({"outcomes": [0]}, Told(INVALID, "INVALID", "outcomes")),
        ({"outcomes": [99]}, Told(INVALID, "INVALID", "outcomes")),
    ],
)
async def test_a_filter_that_cannot_be_is_named(
    installation: Installation, fields: dict[str, Any], told: Told
) -> None:
    await installation.tenant("march")
    request = pb.ListCallsRequest(tenant_id="march", **fields)
    assert await installation.admin.told(request) == told


async def test_who_may_not_see_numbers_cannot_find_them_by_asking(march: Installation) -> None:
    number = (await listed(march, page_token=""))[0].caller
    asked = pb.ListCallsRequest(tenant_id="march", number=number)
    blind = await march.client("tenant:march")
    assert await blind.told(asked) == Told(INVALID, "NUMBERS_MASKED", "number")
    seeing = await march.client("tenant:march", "numbers")
    assert (await seeing(asked)).calls


async def test_every_calls_meters_add_up_to_its_components(march: Installation) -> None:
    for call in await listed(march, first_day="2026-03-09", last_day="2026-03-13"):
        sums: dict[str, int] = {}
        for item in call.meter_costs:
            assert item.quantity == call.usage.quantities.get(item.meter, 1)
            sums[item.component] = sums.get(item.component, 0) + item.amount_micros
        assert sum(sums.values()) == call.rated_micros
        costs = {part.component: part.amount_micros for part in call.cost}
        assert {name: micros for name, micros in sums.items() if micros} == costs
    asked = calls_pb.GetCallRequest(tenant_id="march", call_id=call.call_id)
    assert (await march.admin(asked)).call == call
