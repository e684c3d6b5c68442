"""The overview: the same figures as over gRPC, live, exported, and calls ended by hand."""

import asyncio
import csv
import io
from datetime import UTC, datetime

import pytest

from server.console import live
from tests.integration.api.gateway import Gateway
from tests.integration.api.installation import eventually, fresh_id
from tests.integration.console.browser import House
from tollgate.v1 import billing_pb2 as billing
from tollgate.v1 import history_pb2 as history

OVERVIEW = "/console/t/acme/overview"
CALLER = "+12025550143"


async def test_the_seeded_month_shows_the_products_figures(house: House) -> None:
    await house.installation.admin(
        history.SeedExampleRequest(request_id="r1", tenant_id="tm", example="march-2026")
    )
    browser = await house.signed_in("tenant:tm")
    browser.web.headers["accept-language"] = "ru"
    page = (await browser.get("/console/t/tm/overview?month=2026-03")).text.replace("\xa0", " ")
    for figure in ("Март 2026", "142,50 $", "847", "3 200 000", "57,50 $", "0,07 $"):
        assert figure in page
    browser.web.headers["accept-language"] = "en"
    page = (await browser.get("/console/t/tm/overview?month=2026-03")).text
    for figure in ("March 2026", "$142.50", "847", "3,200,000", "$57.50", "$0.07"):
        assert figure in page


async def test_a_month_that_is_none_is_told_as_wrong(house: House) -> None:
    browser = await house.signed_in("tenant:acme")
    assert (await browser.get(f"{OVERVIEW}?month=2026-13")).status_code == 422


async def test_htmx_gets_the_month_alone(house: House) -> None:
    browser = await house.signed_in("tenant:acme")
    part = await browser.get(f"{OVERVIEW}?month=2026-03", headers={"HX-Request": "true"})
    assert "<html" not in part.text
    assert "March 2026" in part.text


async def test_callers_are_masked_unless_the_key_may_see_them(house: House) -> None:
    await Gateway(house.installation.admin).accepted(caller=CALLER)
    masked = (await (await house.signed_in("tenant:acme")).get(OVERVIEW)).text
    whole = (await (await house.signed_in("tenant:acme", "numbers")).get(OVERVIEW)).text
    assert CALLER not in masked
    assert "+120" in masked
    assert CALLER in whole


async def test_what_gateways_send_is_shown_as_text(house: House) -> None:
    await Gateway(house.installation.admin).accepted(caller="<b>x</b>")
    page = (await (await house.signed_in("admin")).get(OVERVIEW)).text
    assert "<b>x</b>" not in page
    assert "&lt;b&gt;x&lt;/b&gt;" in page


async def test_an_operator_ends_a_call(house: House) -> None:
    gateway = Gateway(house.installation.admin)
    await gateway.accepted()
    browser = await house.signed_in("tenant:acme")
    ended = await browser.post(f"{OVERVIEW}/calls/c1/hang-up", page=OVERVIEW)
    assert ended.headers["location"] == OVERVIEW
    assert "Hanging up" in (await browser.get(OVERVIEW)).text
    gone = await browser.post(f"{OVERVIEW}/calls/nobody/hang-up", page=OVERVIEW)
    assert gone.status_code == 404


async def test_the_export_is_the_services_own(house: House) -> None:
    gateway = Gateway(house.installation.admin)
    await gateway.accepted("one")
    await gateway.posted("one", 10)
    browser = await house.signed_in("tenant:acme")
    month = f"{datetime.now(UTC):%Y-%m}"
    answer = await browser.get(f"{OVERVIEW}/calls.csv?month={month}")
    assert answer.headers["content-type"].startswith("text/csv")
    assert f"acme-calls-{month}.csv" in answer.headers["content-disposition"]
    rows = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert len(rows) == 2
    assert "one" in rows[1]


async def test_balance_and_calls_are_told_as_they_change(house: House) -> None:
    browser = await house.signed_in("admin")
    messages = browser.events(f"{OVERVIEW}/live")
    first = await anext(messages)
    assert "$1.00" in first
    assert "Nobody is calling" in first
    await house.installation.adjust("acme", 500_000)
    assert "$1.50" in await told(messages, 'hx-target="#balance"')
    gateway = Gateway(house.installation.admin)
    await gateway.accepted(caller=CALLER)
    assert CALLER in await told(messages, CALLER)
    await gateway.charge("c1", 20)
    assert "$0.0200" in await told(messages, "$0.0200")
    await messages.aclose()  # type: ignore[attr-defined]


async def told(messages: object, what: str) -> str:
    """The next message that holds something."""
    async with asyncio.timeout(10):
        async for message in messages:  # type: ignore[attr-defined]
            if what in message:
                return str(message)
    raise AssertionError(f"nothing told of {what}")


async def test_a_stream_ends_with_its_session(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "SESSION_EVERY_S", 0.1)
    browser = await house.signed_in("tenant:acme")
    messages = browser.events(f"{OVERVIEW}/live")
    await anext(messages)
    await browser.post("/console/sign-out", page=OVERVIEW)
    async with asyncio.timeout(10):
        assert "signed-out" in [message async for message in messages][-1]
    answer = await browser.get(f"{OVERVIEW}/live", headers={"Accept": "text/event-stream"})
    assert answer.status_code == 401


async def test_streams_are_few_for_a_session_and_are_let_go(house: House) -> None:
    browser = await house.signed_in("tenant:acme")
    held = [browser.events(f"{OVERVIEW}/live") for _ in range(live.MAX_OF_A_SESSION)]
    for messages in held:
        await anext(messages)
    assert (await browser.get(f"{OVERVIEW}/live")).status_code == 429
    watching = house.installation.parts.watch
    assert watching._watchers == live.MAX_OF_A_SESSION
    for messages in held:
        await messages.aclose()  # type: ignore[attr-defined]

    async def all_gone() -> bool:
        return watching._watchers == 0

    await eventually(all_gone)
    again = browser.events(f"{OVERVIEW}/live")
    await anext(again)
    await again.aclose()  # type: ignore[attr-defined]


async def test_a_server_that_goes_ends_its_streams(house: House) -> None:
    browser = await house.signed_in("tenant:acme")
    messages = browser.events(f"{OVERVIEW}/live")
    await anext(messages)
    house.console.drain()
    async with asyncio.timeout(5):
        _ = [message async for message in messages]


async def test_a_lowered_cap_shows_at_once(house: House) -> None:
    browser = await house.signed_in("admin")
    change = billing.UpdateTenantRequest(
        request_id=fresh_id(),
        tenant=billing.Tenant(tenant_id="acme", limits=billing.Limits(daily_cap_micros=250_000)),
    )
    change.update_mask.paths.append("limits.daily_cap_micros")
    await house.installation.admin(change)
    assert "$0.25" in (await browser.get(OVERVIEW)).text
