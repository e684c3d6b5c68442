"""Topping up: amounts, providers, repeats, and a page that turns from pending to its end."""

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from tests.integration.api.conftest import Install
from tests.integration.api.installation import eventually
from tests.integration.console.browser import Browser, House, opened, token_in
from tests.integration.payments import messages
from tests.integration.payments import office as payments
from tests.integration.payments.office import Office
from tollgate.v1 import payments_pb2 as pb

TOP_UP = "/console/t/acme/top-up"
FORM = {"request_id": "r1", "amount": "25", "other": "", "way": "", "organisation_id": ""}
MANUAL, CARD, SBP = "1.2", "2.1", "3.3"


class Shop:
    """A console with every provider, and a browser of the tenant acme."""

    def __init__(self, office: Office, house: House, browser: Browser) -> None:
        self.office, self.house, self.browser = office, house, browser

    async def begun(self, **fields: str) -> str:
        """The address of a new top-up's page."""
        sent = await self.browser.post(TOP_UP, page=TOP_UP, **(FORM | fields))
        assert sent.status_code == 303, sent.text
        return sent.headers["location"]

    async def top_up(self, address: str) -> pb.TopUp:
        """The top-up of a page."""
        asked = pb.GetTopUpRequest(tenant_id="acme", top_up_id=address.rpartition("/")[2])
        found: pb.TopUp = (await self.office.admin(asked)).top_up
        return found

    async def listed(self) -> list[pb.TopUp]:
        """All of them."""
        return list((await self.office.admin(pb.ListTopUpsRequest(tenant_id="acme"))).top_ups)


@pytest.fixture
async def shop(install: Install) -> AsyncIterator[Shop]:
    async with payments.opened(install) as office, opened(office.installation) as house:
        yield Shop(office, house, await house.signed_in("tenant:acme"))


async def test_a_payment_at_the_provider_turns_its_page_to_paid(shop: Shop) -> None:
    address = await shop.begun(way=CARD)
    page = await shop.browser.get(address)
    top_up = await shop.top_up(address)
    assert f'href="{top_up.page_url}"' in page.text
    came_back = httpx.URL(shop.office.stripe.asked[0].form["success_url"])
    assert came_back.path == address
    told = changes(shop, (await shop.browser.get(str(came_back.raw_path, "ascii"))).text)
    assert await shop.office.tell(messages.completed(top_up)) == 200
    message = await anext(told)
    assert "Paid" in message
    assert "$25.00" in message
    await told.aclose()  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("checkout.session.async_payment_failed", "The payment failed"),
        ("checkout.session.expired", "The time to pay ran out"),
    ],
)
async def test_a_payment_that_does_not_come_is_told_and_may_be_tried_again(
    shop: Shop, kind: str, words: str
) -> None:
    address = await shop.begun(way=CARD)
    told = changes(shop, (await shop.browser.get(f"{address}?back=1")).text)
    top_up = await shop.top_up(address)
    session = messages.session(top_up, payment_status="unpaid", payment_intent=None)
    assert await shop.office.tell(messages.event(kind, session)) == 200
    message = await anext(told)
    assert words in message
    assert f"{TOP_UP}?amount=25" in message
    await told.aclose()  # type: ignore[attr-defined]


async def test_what_is_to_be_paid_is_told_in_the_providers_currency(shop: Shop) -> None:
    sent = await shop.browser.post(f"{TOP_UP}/quote", page=TOP_UP, **(FORM | {"way": SBP}))
    assert "RUB\xa02,311.42" in sent.text
    assert "1 USD = 92.4567 RUB" in sent.text
    assert (await shop.listed()) == []
    page = (await shop.browser.get(await shop.begun(way=SBP))).text
    assert "RUB\xa02,311.42" in page
    assert "1 USD = 92.4567 RUB" in page


async def test_a_form_that_is_sent_twice_makes_one_top_up(shop: Shop) -> None:
    first, second = await asyncio.gather(shop.begun(way=CARD), shop.begun(way=CARD))
    assert first == second
    assert len(await shop.listed()) == 1
    again = await shop.browser.post(TOP_UP, page=TOP_UP, **(FORM | {"amount": "50", "way": CARD}))
    assert again.status_code == 409
    assert "sent before" in again.text
    assert 'name="request_id" value="r1"' not in again.text


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("", "Fill in this field"),
        ("0", "From $1.00 to $10,000.00"),
        ("0.99", "From $1.00 to $10,000.00"),
        ("10000.01", "From $1.00 to $10,000.00"),
        ("99999999999999999999", "Enter a number"),
        ("-5", "Enter a number"),
        ("1.0000001", "Too many decimals"),
    ],
)
async def test_an_amount_that_cannot_be_is_told_at_the_field(
    shop: Shop, typed: str, words: str
) -> None:
    fields = FORM | {"amount": "other", "other": typed}
    sent = await shop.browser.post(TOP_UP, page=TOP_UP, **fields)
    assert sent.status_code == 422
    assert words in sent.text
    assert f'value="{typed}"' in sent.text
    assert await shop.listed() == []


async def test_a_provider_that_fails_is_told_and_the_form_stays(shop: Shop) -> None:
    shop.office.stripe.fails_with = (500, "api_error")
    sent = await shop.browser.post(TOP_UP, page=TOP_UP, **(FORM | {"way": CARD}))
    assert sent.status_code == 409
    assert "does not answer" in sent.text
    assert 'name="request_id" value="r1"' in sent.text
    shop.office.stripe.fails_with = None
    await shop.begun(way=CARD)
    assert len(await shop.listed()) == 1


async def test_payers_of_robokassa_come_back_to_their_top_up(shop: Shop) -> None:
    address = await shop.begun(way=SBP)
    number = (await shop.top_up(address)).number
    back = await shop.browser.get(f"/console/paid?InvId={number}&OutSum=1&SignatureValue=x")
    assert back.headers["location"] == f"{address}?back=1"
    nowhere = await shop.browser.get("/console/paid?InvId=999999")
    assert nowhere.headers["location"] == TOP_UP


async def test_a_tenants_key_sees_its_top_up_and_confirms_none(shop: Shop) -> None:
    address = await shop.begun(way=MANUAL)
    page = await shop.browser.get(address)
    assert "Confirm that the money has come" not in page.text
    data = {"token": token_in(page), "request_id": "c1", "note": "mine"}
    assert (await shop.browser.web.post(f"{address}/confirm", data=data)).status_code == 409
    assert (await shop.top_up(address)).state == pb.TOP_UP_STATE_PENDING


async def test_what_is_owed_is_told(shop: Shop) -> None:
    top_up = await shop.office.top_up(pb.PAYMENT_PROVIDER_STRIPE)
    await shop.office.tell(messages.completed(top_up))
    await shop.office.installation.adjust("acme", -4_000_000)
    await shop.office.tell(messages.charge_refunded(top_up, top_up.pay_amount_minor))

    async def owes() -> bool:
        return await shop.office.owed() > 0

    await eventually(owes)
    assert "first pays $4.00 that is owed" in (await shop.browser.get(TOP_UP)).text


async def changes(shop: Shop, page: str) -> AsyncIterator[str]:
    """What the page's stream tells that is anything."""
    found = re.search(r'hx-sse:connect="([^"]+)"', page)
    assert found is not None
    stream: Any = shop.browser.events(found[1].replace("&amp;", "&"))
    async with asyncio.timeout(15):
        async for message in stream:
            if "hx-partial" in message:
                yield message
    raise AssertionError("the stream ended")
