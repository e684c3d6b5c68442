"""Administrators' pages and tariffs as far as HTTP goes: what is shown, and changed once."""

from tests.integration.console.browser import House
from tollgate.v1 import billing_pb2 as billing

TENANTS, KEYS, STATE = (f"/console/admin/{name}" for name in ("tenants", "keys", "state"))


async def test_a_tenant_sees_its_own_tariff_and_no_other(house: House) -> None:
    browser = await house.signed_in("tenant:acme")
    assert "clock" in (await browser.get("/console/t/acme/tariffs")).text
    other = await browser.get("/console/t/acme/tariffs?tariff=standard")
    assert other.status_code == 404
    assert (await browser.get("/console/t/acme/tariffs/new")).status_code == 403


async def test_an_administrator_sees_every_tariff(house: House) -> None:
    browser = await house.signed_in("admin")
    page = (await browser.get("/console/t/acme/tariffs?tariff=standard")).text
    assert "gpt-4o-realtime" in page
    assert "$0.045200 before rounding" in page


async def test_a_form_that_is_sent_twice_moves_money_once(house: House) -> None:
    browser = await house.signed_in("admin")
    card = f"{TENANTS}/card/acme"
    fields = {"request_id": "twice", "kind": "credit", "amount": "2,50", "reason": "a gift"}
    for _ in range(2):
        answer = await browser.post(f"{card}/balance", page=card, **fields)
        assert answer.status_code == 303
    assert (await house.installation.balance("acme")).balance_micros == 3_500_000


async def test_amounts_are_read_alike_on_every_page(house: House) -> None:
    """A comma parts thousands for readers of English: 1,500 must not become a dollar and a half."""
    browser = await house.signed_in("admin")
    card = f"{TENANTS}/card/acme"
    fields = {"request_id": "grouped", "kind": "credit", "amount": "1,500", "reason": "a gift"}
    assert (await browser.post(f"{card}/balance", page=card, **fields)).status_code == 303
    assert (await house.installation.balance("acme")).balance_micros == 1_501_000_000
    for wrong in ("-5", "a lot", "0.0000001", ""):
        fields |= {"request_id": "wrong", "amount": wrong}
        assert (await browser.post(f"{card}/balance", page=card, **fields)).status_code == 422


async def test_a_secret_is_shown_once(house: House) -> None:
    browser = await house.signed_in("admin")
    fields = {"request_id": "k1", "name": "a till", "role": "gateway", "tenant_id": "acme"}
    first = await browser.post(KEYS, page=KEYS, **fields)
    again = await browser.post(KEYS, page=KEYS, **fields)
    assert 'id="secret"' in first.text
    assert 'id="secret"' not in again.text
    (made,) = (
        key
        for key in (await house.installation.admin(billing.ListApiKeysRequest())).keys
        if key.name == "a till"
    )
    assert list(made.scopes) == ["gateway", "tenant:acme"]


async def test_the_state_is_told_and_told_again(house: House) -> None:
    browser = await house.signed_in("admin")
    assert "Live store" in (await browser.get(STATE)).text
    messages = browser.events(f"{STATE}/live")
    assert 'hx-target="#now"' in await anext(messages)
    assert 'hx-target="#now"' in await anext(messages)
    await messages.aclose()  # type: ignore[attr-defined]
