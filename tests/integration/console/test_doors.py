"""Signing in and out: keys, links, time-outs, revocations, and who tries too often."""

import time

from ledger.api_key import new_key_text
from server.console.access.attempts import OVERALL, PER_ADDRESS
from tests.integration.api.conftest import Install
from tests.integration.api.installation import fresh_id
from tests.integration.console.browser import House, opened
from tollgate.v1 import billing_pb2 as billing
from tollgate.v1 import console_pb2

OVERVIEW = "/console/t/acme/overview"
SIGN_IN = "/console/sign-in"


async def test_a_key_signs_in_and_leads_to_its_tenant(house: House) -> None:
    browser = await house.signed_in("tenant:acme")
    home = await browser.get("/console")
    assert home.headers["location"] == OVERVIEW
    page = await browser.get(OVERVIEW)
    assert page.status_code == 200
    assert "$1.00" in page.text


async def test_without_a_session_every_page_leads_to_the_door_and_back(house: House) -> None:
    asked = await house.browser().get(f"{OVERVIEW}?month=2026-03")
    assert asked.status_code == 303
    assert asked.headers["location"] == f"{SIGN_IN}?next={OVERVIEW}%3Fmonth%3D2026-03"
    browser = house.browser()
    made = await house.installation.key("tenant:acme")
    entered = await browser.post(SIGN_IN, key=made.api_key, next=f"{OVERVIEW}?month=2026-03")
    assert entered.headers["location"] == f"{OVERVIEW}?month=2026-03"


async def test_nobody_is_sent_elsewhere_after_signing_in(house: House) -> None:
    made = await house.installation.key("tenant:acme")
    entered = await house.browser().post(SIGN_IN, key=made.api_key, next="https://evil.example")
    assert entered.headers["location"] == "/console"


async def test_wrong_keys_and_keys_of_gateways_do_not_sign_in(house: House) -> None:
    gateway = (await house.installation.key("gateway")).api_key
    for key in ("", "x", str(new_key_text()), gateway):
        browser = house.browser()
        refused = await browser.post(SIGN_IN, key=key)
        assert refused.status_code == 401
        assert (await browser.get(OVERVIEW)).status_code == 303


async def test_who_fails_too_often_is_not_asked_again(house: House) -> None:
    browser = house.browser()
    made = await house.installation.key("tenant:acme")
    for _ in range(PER_ADDRESS):
        assert (await browser.post(SIGN_IN, key="wrong")).status_code == 401
    assert (await browser.post(SIGN_IN, key=made.api_key)).status_code == 429
    link = await browser.link()
    assert (await browser.post(link, page=link)).status_code == 429


async def test_failures_from_everywhere_together_are_bounded(house: House) -> None:
    attempts = house.console.parts.attempts
    for number in range(OVERALL):
        attempts.failed(f"10.0.{number // 250}.{number % 250}")
    made = await house.installation.key("tenant:acme")
    assert (await house.browser().post(SIGN_IN, key=made.api_key)).status_code == 429


async def test_a_link_signs_in_once(house: House) -> None:
    first, second = house.browser(), house.browser()
    link = await first.link()
    for _ in range(3):  # looking at it does not use it up
        assert (await second.get(link)).status_code == 200
    assert (await first.post(link, page=link)).status_code == 303
    assert (await first.get(OVERVIEW)).status_code == 200
    assert (await second.post(link, page=link)).status_code == 410
    assert (await second.get(OVERVIEW)).status_code == 303


async def test_an_old_link_and_one_that_nobody_made_do_not_sign_in(house: House) -> None:
    browser = house.browser()
    link = await browser.link()
    await house.installation.ledger(
        "UPDATE console_links SET expires_at = now() - interval '1 second' RETURNING true"
    )
    for path in (link, "/console/enter/nobody-made-this"):
        assert (await browser.post(path, page=path)).status_code == 410


async def test_a_tenants_link_opens_what_the_tenants_own_key_would(house: House) -> None:
    browser = house.browser()
    link = await browser.link("acme")
    await browser.post(link, page=link)
    assert (await browser.get(OVERVIEW)).status_code == 200
    assert (await browser.get("/console/t/globex/overview")).status_code == 403
    assert "/console/admin/" not in (await browser.get(OVERVIEW)).text


async def test_only_the_digest_of_a_link_is_kept(house: House) -> None:
    token = (await house.browser().link()).rpartition("/")[2]
    kept = await house.installation.ledger("SELECT string_agg(l::text, ' ') FROM console_links l")
    assert kept
    assert token not in kept


async def test_a_repeated_request_for_a_link_does_not_tell_it_again(house: House) -> None:
    request = console_pb2.CreateConsoleLinkRequest(request_id="r1", tenant_id="acme")
    first = await house.installation.admin(request)
    again = await house.installation.admin(request)
    assert first.url
    assert not again.url
    assert again.expires_at == first.expires_at


async def test_signing_out_ends_every_copy_of_the_session(house: House) -> None:
    browser, copy = await house.signed_in("tenant:acme"), house.browser()
    copy.web.cookies.update(browser.web.cookies)
    assert (await copy.get(OVERVIEW)).status_code == 200
    left = await browser.post("/console/sign-out", page=OVERVIEW)
    assert left.headers["location"] == SIGN_IN
    assert (await copy.get(OVERVIEW)).status_code == 303
    # another server learns of it from the ledger
    async with opened(house.installation) as other:
        elsewhere = other.browser()
        elsewhere.web.cookies.update(copy.web.cookies)
        assert (await elsewhere.get(OVERVIEW)).status_code == 303


async def test_a_session_ends_within_thirty_seconds_of_its_keys_end(house: House) -> None:
    browser = house.browser()
    key_id = await browser.sign_in("tenant:acme")
    assert (await browser.get(OVERVIEW)).status_code == 200
    await house.installation.admin(billing.RevokeApiKeyRequest(request_id="r", key_id=key_id))
    house.installation.ring._clock = lambda: time.monotonic() + 30
    assert (await browser.get(OVERVIEW)).status_code == 303


async def test_a_links_session_ends_with_the_key_that_made_it(house: House) -> None:
    made = await house.installation.key("admin")
    maker, browser = house.installation.holder(made.api_key), house.browser()
    request = console_pb2.CreateConsoleLinkRequest(request_id=fresh_id(), tenant_id="acme")
    link = "/console/enter/" + (await maker(request)).url.rpartition("/")[2]
    await browser.post(link, page=link)
    assert (await browser.get(OVERVIEW)).status_code == 200
    revoke = billing.RevokeApiKeyRequest(request_id="r", key_id=made.key.key_id)
    await house.installation.admin(revoke)
    house.installation.ring._clock = lambda: time.monotonic() + 30
    assert (await browser.get(OVERVIEW)).status_code == 303


async def test_a_forged_or_foreign_cookie_is_no_session(install: Install) -> None:
    async with install() as installation, opened(installation) as house:
        await installation.tenant("acme")
        browser = await house.signed_in("tenant:acme")
        sealed = browser.web.cookies["tollgate_session"]
        async with opened(installation, console_secret=None) as other:
            for cookie in (sealed, sealed[:-1] + ("A" if sealed[-1] != "A" else "B"), "x.y", ""):
                guest = other.browser()
                guest.web.cookies.set("tollgate_session", cookie)
                assert (await guest.get(OVERVIEW)).status_code == 303


async def test_an_administrator_without_tenants_is_told_how_to_make_one(install: Install) -> None:
    async with install() as installation, opened(installation) as house:
        browser = await house.signed_in("admin")
        page = await browser.get("/console")
        assert page.status_code == 200
        assert "tollgate tenant create" in page.text


async def test_a_key_of_two_tenants_chooses_between_them(house: House) -> None:
    browser = await house.signed_in("tenant:acme", "tenant:globex")
    chosen = await browser.get("/console/tenants?tenant=globex&page=overview")
    assert chosen.headers["location"] == "/console/t/globex/overview"
    listed = await browser.get("/console/tenants")
    assert "acme" in listed.text
    assert "globex" in listed.text
    await browser.get("/console/t/globex/overview")
    assert (await browser.get("/console")).headers["location"] == "/console/t/globex/overview"
