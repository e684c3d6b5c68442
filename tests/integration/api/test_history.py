"""The overview, the payment history and the refusals over the API, equal to the ledger."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest

from tests.integration.api.client import Told
from tests.integration.api.gateway import Gateway
from tests.integration.api.installation import Installation, eventually, fresh_id
from tollgate.v1 import billing_pb2 as billing
from tollgate.v1 import call_authorization_pb2 as calls_pb
from tollgate.v1 import common_pb2
from tollgate.v1 import history_pb2 as pb
from tollgate.v1 import payments_pb2 as payments

INVALID = grpc.StatusCode.INVALID_ARGUMENT
RUSSIAN, ENGLISH = pb.LANGUAGE_RUSSIAN, pb.LANGUAGE_ENGLISH


@pytest.fixture
async def march(installation: Installation) -> Installation:
    """An installation with the example month."""
    await installation.admin(seed())
    return installation


def seed(tenant_id: str = "march", request_id: str = "s") -> pb.SeedExampleRequest:
    return pb.SeedExampleRequest(request_id=request_id, tenant_id=tenant_id, example="march-2026")


def transactions(**fields: Any) -> pb.ListTransactionsRequest:
    return pb.ListTransactionsRequest(**({"tenant_id": "march"} | fields))


async def all_transactions(installation: Installation, **fields: Any) -> list[pb.Transaction]:
    """Every page, by number."""
    request, rows = transactions(**fields), []
    while True:
        page = await installation.admin(request)
        rows += page.transactions
        if not page.next_page_token:
            return rows[::-1]
        request.page_token = page.next_page_token


async def test_the_example_month_comes_back_as_the_product_shows_it(march: Installation) -> None:
    month = await march.admin(pb.GetMonthSummaryRequest(tenant_id="march", month="2026-03"))
    assert (month.calls_handled, month.tokens_used) == (847, 3_200_000)
    assert (month.spent_micros, month.average_call_micros) == (57_500_000, 67_887)
    assert month.ledger_micros == month.balance_micros == month.available_micros == 142_500_000
    assert (month.reserved_micros, month.currency) == (0, "USD")
    rows = await all_transactions(march, language=RUSSIAN, page_size=7)
    assert [(row.day, row.description, row.amount_micros) for row in rows[6:12]] == [
        ("2026-03-01", "Пополнение (Stripe)", 100_000_000),
        ("2026-03-10", "Списание (Аналитика)", -500_000),
        ("2026-03-12", "Списание (Звонки)", -2_850_000),
        ("2026-03-13", "Списание (Звонки)", -4_100_000),
        ("2026-03-14", "Списание (Звонки)", -3_250_000),
        ("2026-03-15", "Пополнение (Stripe)", 50_000_000),
    ]
    assert [row.number for row in rows] == list(range(1, len(rows) + 1))
    assert sum(row.amount_micros for row in rows) == 142_500_000


async def test_the_audit_finds_nothing_after_seeding_and_calls_go_on(march: Installation) -> None:
    await march.settled_down()
    await march.adjust("march", 1_000_000)
    gateway = Gateway(march.admin, "march")
    reply = await gateway.authorize(model="generic-assistant")
    assert reply.decision == calls_pb.DECISION_ACCEPTED
    used = common_pb2.Usage(quantities={"stt_ms": 60_000})
    settled = await gateway.posted("c1", 60, model="generic-assistant", usage=used)
    assert settled.charged_micros == 6_000
    found = await march.settled_down()
    assert found.tenants == 1
    assert (await march.balance("march")).balance_micros == 143_494_000
    assert (await all_transactions(march))[-1].amount_micros == -6_000


async def test_a_seed_needs_a_fresh_tenant(march: Installation) -> None:
    assert (await march.admin(seed())).balance_micros == 142_500_000
    exists = Told(grpc.StatusCode.ALREADY_EXISTS, "TENANT_EXISTS")
    assert await march.admin.told(seed(request_id="other")) == exists
    unknown = pb.SeedExampleRequest(request_id="r", tenant_id="x", example="may-1871")
    assert await march.admin.told(unknown) == Told(INVALID, "INVALID", "example")


async def test_the_running_month_equals_the_ledger_while_calls_run(
    installation: Installation, gateway: Gateway
) -> None:
    await gateway.accepted("c1")
    await gateway.posted("c1", 10)
    await gateway.accepted("c2")
    await gateway.charge("c2", 5)
    month = await installation.admin(pb.GetMonthSummaryRequest(tenant_id="acme"))
    assert (month.calls_handled, month.spent_micros, month.ledger_micros) == (1, 10_000, 990_000)
    assert month.average_call_micros == 10_000
    assert month.balance_micros == 985_000
    assert month.reserved_micros == 55_000
    assert month.available_micros == 930_000


async def test_a_month_without_calls_has_no_average(installation: Installation) -> None:
    await installation.tenant()
    month = await installation.admin(pb.GetMonthSummaryRequest(tenant_id="acme", month="1999-12"))
    assert (month.month, month.HasField("average_call_micros")) == ("1999-12", False)


async def test_daily_spend_holds_the_running_day_with_running_calls(
    installation: Installation,
) -> None:
    await installation.tenant(balance=1_000_000, daily_cap_micros=500_000)
    gateway = Gateway(installation.admin)
    await gateway.accepted("c1")
    await gateway.charge("c1", 5)
    resets_at = (await installation.balance()).resets_at.ToDatetime()
    days = (f"{resets_at - timedelta(days=each):%Y-%m-%d}" for each in (2, 0))
    first, last = days
    reply = await installation.admin(
        pb.ListDailySpendRequest(tenant_id="acme", first_day=first, last_day=last)
    )
    assert [day.amount_micros for day in reply.days] == [5_000]
    assert (reply.daily_cap_micros, reply.currency) == (500_000, "USD")


async def test_the_spend_of_past_days_comes_from_the_ledger(march: Installation) -> None:
    reply = await march.admin(
        pb.ListDailySpendRequest(tenant_id="march", first_day="2026-03-12", last_day="2026-03-14")
    )
    assert [(day.day, day.amount_micros) for day in reply.days] == [
        ("2026-03-12", 2_850_000),
        ("2026-03-13", 4_100_000),
        ("2026-03-14", 3_250_000),
    ]


async def test_transactions_are_filtered_by_day_type_and_status(march: Installation) -> None:
    days = {"first_day": "2026-03-10", "last_day": "2026-03-15"}
    assert len(await all_transactions(march, **days)) == 5
    top_ups = await all_transactions(march, types=[pb.TRANSACTION_TYPE_TOP_UP])
    assert [row.amount_micros // 1_000_000 for row in top_ups] == [25, 30, 100, 50]
    assert {row.provider for row in top_ups} == {"stripe"}
    assert {row.description for row in top_ups} == {"Top-up (Stripe)"}
    pending = {"statuses": [pb.TRANSACTION_STATUS_PENDING]}
    assert await all_transactions(march, **pending) == []
    done = await all_transactions(march, statuses=[pb.TRANSACTION_STATUS_SUCCEEDED], **days)
    assert len(done) == 5


async def test_a_row_opens_to_its_calls_with_itemised_cost(march: Installation) -> None:
    rows = await all_transactions(march)
    for row in (rows[7], rows[8]):
        request = billing.ListCallsRequest(
            tenant_id="march", transaction_number=row.number, page_size=30
        )
        calls: list[common_pb2.Call] = []
        while True:
            page = await march.admin(request)
            calls += page.calls
            if not page.next_page_token:
                break
            request.page_token = page.next_page_token
        assert len(calls) == row.calls
        assert sum(call.charged_micros for call in calls) == -row.amount_micros
        for call in calls:
            assert sum(part.amount_micros for part in call.cost) == call.rated_micros
            assert call.tariff_version == "standard@1"
    missing = billing.ListCallsRequest(tenant_id="march", transaction_number=999)
    unknown = Told(grpc.StatusCode.NOT_FOUND, "UNKNOWN_TRANSACTION")
    assert await march.admin.told(missing) == unknown
    top_up = billing.ListCallsRequest(tenant_id="march", transaction_number=7)
    assert not (await march.admin(top_up)).calls


async def test_refusals_are_counted_by_day_and_reason_and_the_last_are_shown(
    installation: Installation, gateway: Gateway
) -> None:
    for number in range(3):
        await gateway.refused(f"r{number}", model="gpt-9")
    await gateway.accepted("c1")
    await installation.update("acme", daily_cap_micros=1)
    await gateway.refused("r3")
    await installation.parts.refusals.flush()
    today = (await installation.ledger("SELECT max(day) FROM refusal_counts")).isoformat()
    request = pb.ListRefusalsRequest(tenant_id="acme", first_day=today, last_day=today, page_size=3)
    first = await installation.admin(request)
    assert {(each.reason, each.count) for each in first.counts} == {
        ("UNKNOWN_MODEL", 3),
        ("DAILY_CAP_REACHED", 1),
    }
    assert {each.day for each in first.counts} == {today}
    assert [call.call_id for call in first.calls] == ["r3", "r2", "r1"]
    request.page_token = first.next_page_token
    second = await installation.admin(request)
    assert ([call.call_id for call in second.calls], len(second.counts)) == (["r0"], 0)
    assert first.calls[0].caller == "+7000"


async def test_a_tenants_own_key_sees_numbers_masked_unless_it_has_the_scope(
    installation: Installation, gateway: Gateway
) -> None:
    parties = {"caller": "+74951234567", "callee": "+7111"}
    await gateway.accepted("c1", **parties)
    await gateway.accepted("c2", **parties)
    await gateway.posted("c1", 10, **parties)
    await gateway.refused("r", model="gpt-9", **parties)
    await installation.parts.refusals.flush()
    today = (await installation.ledger("SELECT max(day) FROM refusal_counts")).isoformat()
    days = {"tenant_id": "acme", "first_day": today, "last_day": today}
    for scopes, expected in (
        (["tenant:acme"], ("+749******67", "*****")),
        (["tenant:acme", "numbers"], ("+74951234567", "+7111")),
        (["tenant:acme", "admin"], ("+74951234567", "+7111")),
        (["tenant:acme", "gateway"], ("+74951234567", "+7111")),
    ):
        client = await installation.client(*scopes)
        seen = [(await client(calls_pb.GetCallRequest(tenant_id="acme", call_id="c1"))).call]
        seen += (await client(calls_pb.ListActiveCallsRequest(tenant_id="acme"))).calls
        if "gateway" not in scopes:
            seen += (await client(billing.ListCallsRequest(tenant_id="acme"))).calls
            seen += (await client(pb.ListRefusalsRequest(**days))).calls
            assert len(seen) == 4
        assert {(each.caller, each.callee) for each in seen} == {expected}, scopes


WRONG: list[tuple[Any, str]] = [
    (pb.GetMonthSummaryRequest(tenant_id="acme", month="2026-13"), "month"),
    (pb.GetMonthSummaryRequest(tenant_id="acme", month="2026-3"), "month"),
    (pb.GetMonthSummaryRequest(tenant_id="acme", month="0000-01"), "month"),
    (transactions(tenant_id="acme", first_day="12.03.2026"), "first_day"),
    (transactions(tenant_id="acme", last_day="2026-02-30"), "last_day"),
    (transactions(tenant_id="acme", types=[0]), "types"),
    (transactions(tenant_id="acme", statuses=[77]), "statuses"),
    (transactions(tenant_id="acme", language=9), "language"),
    (transactions(tenant_id="acme", page_token="WyJ4Il0="), "page_token"),
    (transactions(tenant_id="acme", page_size=-1), "page_size"),
    (pb.ListDailySpendRequest(tenant_id="acme", first_day="2026-01-01"), "last_day"),
    (
        pb.ListDailySpendRequest(tenant_id="acme", first_day="2024-01-01", last_day="2026-01-01"),
        "last_day",
    ),
    (
        pb.ListRefusalsRequest(tenant_id="acme", first_day="2026-01-02", last_day="2026-01-01"),
        "last_day",
    ),
    (pb.ExportHistoryRequest(tenant_id="acme"), "table"),
]


async def test_wrong_requests_are_told_which_field_is_wrong(
    installation: Installation, gateway: Gateway
) -> None:
    for request, field in WRONG:
        assert await installation.admin.told(request) == Told(INVALID, "INVALID", field), request


async def test_nobody_has_the_history_of_an_unknown_tenant(installation: Installation) -> None:
    unknown = Told(grpc.StatusCode.NOT_FOUND, "UNKNOWN_TENANT")
    for request in (
        transactions(tenant_id="nobody"),
        pb.GetMonthSummaryRequest(tenant_id="nobody"),
        pb.ExportHistoryRequest(tenant_id="nobody", table=pb.EXPORT_TABLE_CALLS),
        pb.WatchBalanceRequest(tenant_id="nobody"),
    ):
        assert await installation.admin.told(request) == unknown


async def test_a_watched_balance_is_told_at_once_and_after_every_change(
    installation: Installation, gateway: Gateway
) -> None:
    client = await installation.client("tenant:acme")
    watched = client.stream(pb.WatchBalanceRequest(tenant_id="acme"), 30)
    first = await watched.read()
    assert (first.balance_micros, first.available_micros) == (1_000_000, 1_000_000)
    await gateway.accepted("c1")
    second = await watched.read()
    assert (second.reserved_micros, second.active_calls) == (60_000, 1)
    await installation.adjust("acme", 500)
    third = await watched.read()
    assert third.balance_micros == 1_000_500
    watched.cancel()

    async def nobody_watches() -> bool:
        return installation.parts.watch._watchers == 0

    await eventually(nobody_watches)


async def test_watchers_are_bounded_and_sent_elsewhere_when_the_server_drains(
    installation: Installation, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.billing.history.watching.MAX_WATCHERS", 1)
    watched = installation.admin.stream(pb.WatchBalanceRequest(tenant_id="acme"), 30)
    await watched.read()
    another = await installation.admin.told(pb.WatchBalanceRequest(tenant_id="acme"))
    assert another == Told(grpc.StatusCode.RESOURCE_EXHAUSTED, "OVERLOADED")
    await installation.parts.drain(0)
    with pytest.raises(grpc.aio.AioRpcError) as ended:
        async with asyncio.timeout(10):
            await watched.read()
    assert ended.value.code() is grpc.StatusCode.UNAVAILABLE


async def test_a_new_request_id_makes_another_example(march: Installation) -> None:
    await march.admin(seed("another", fresh_id()))
    await march.settled_down()
    assert (await march.balance("another")).balance_micros == 142_500_000


async def test_transactions_tell_what_a_dollar_costs_in_roubles_today(march: Installation) -> None:
    assert not (await march.admin(transactions())).HasField("rouble_rate")
    tomorrow = (datetime.now(UTC) + timedelta(days=2)).date().isoformat()
    for rate, day in (("92.5", "2026-03-01"), ("99", tomorrow)):
        asked = payments.ExchangeRate(base_currency="USD", quote_currency="RUB", rate=rate, day=day)
        request = payments.SetExchangeRateRequest(request_id=fresh_id(), exchange_rate=asked)
        await march.admin(request)
    told = (await (await march.client("tenant:march"))(transactions())).rouble_rate
    assert (told.base_currency, told.quote_currency) == ("USD", "RUB")
    assert (told.rate, told.day) == ("92.5", "2026-03-01")
