"""What guards every address of the console, proven over its routes."""

import re
from collections.abc import Iterator

from server.console.access.forgery import MAX_FORM_BYTES
from server.console.application import console_routes
from server.console.gate import MAX_PAGES_IN_FLIGHT
from server.console.headers import HEADERS
from server.console.pages import PAGES
from tests.integration.console.browser import House, opened, token_in

OVERVIEW = "/console/t/acme/overview"
TENANT_PAGES = [page for page in PAGES if page.of_tenant]
ADMIN_PAGES = [page for page in PAGES if not page.of_tenant]


def addresses(tenant_id: str) -> Iterator[tuple[str, str]]:
    """Method and path of everything that is of a tenant, whatever else is named."""
    for page in TENANT_PAGES:
        for action in page.actions:
            path = page.address(tenant_id, re.sub(r"\{\w+\}", "something", action.path))
            yield action.method, path


async def test_a_tenants_session_reaches_nothing_of_another(house: House) -> None:
    browser = await house.signed_in("tenant:acme")
    token = token_in(await browser.get(OVERVIEW))
    before = await house.installation.balance("globex")
    for tenant_id in ("globex", "no-such-tenant"):
        for method, path in addresses(tenant_id):
            answer = await browser.web.request(
                method, path, data={"token": token} if method == "POST" else None
            )
            assert answer.status_code == 403, (method, path)
            assert "Globex" not in answer.text
    assert await house.installation.balance("globex") == before


async def test_a_tenants_session_does_not_see_whether_another_exists(house: House) -> None:
    browser = await house.signed_in("tenant:acme")
    there = await browser.get("/console/t/globex/overview")
    nowhere = await browser.get("/console/t/nobody/overview")
    assert there.text.replace("globex", "nobody") == nowhere.text


async def test_a_tenants_session_reaches_no_page_of_administrators(house: House) -> None:
    browser = await house.signed_in("tenant:acme")
    bound = await house.signed_in("admin", "tenant:acme")
    for each in (browser, bound):
        token = token_in(await each.get(OVERVIEW))
        for page in ADMIN_PAGES:
            for action in page.actions:
                path = page.address("", re.sub(r"\{\w+\}", "something", action.path))
                data = {"token": token} if action.method == "POST" else None
                answer = await each.web.request(action.method, path, data=data)
                assert answer.status_code == 403, path


async def test_nothing_is_changed_without_the_sessions_own_token(house: House) -> None:
    browser, stranger = await house.signed_in("tenant:acme"), await house.signed_in("tenant:acme")
    foreign = token_in(await stranger.get(OVERVIEW))
    posts = [path for method, path in addresses("acme") if method == "POST"]
    for path in ["/console/sign-out", "/console/preferences", "/console/sign-in", *posts]:
        for token in ({}, {"token": ""}, {"token": foreign}, {"token": "é"}):
            assert (await browser.web.post(path, data=token or None)).status_code == 403, path
            assert (await browser.web.post(path, data={"x": "1", **token})).status_code == 403, path
    assert (await browser.get(OVERVIEW)).status_code == 200


async def test_a_form_that_another_site_sends_is_refused(house: House) -> None:
    browser = await house.signed_in("tenant:acme")
    token = token_in(await browser.get(OVERVIEW))
    for site in ("cross-site", "same-site"):
        answer = await browser.web.post(
            "/console/sign-out", data={"token": token}, headers={"Sec-Fetch-Site": site}
        )
        assert answer.status_code == 403
    assert (await browser.get(OVERVIEW)).status_code == 200


async def test_a_form_is_bounded(house: House) -> None:
    browser = await house.signed_in("tenant:acme")
    token = token_in(await browser.get(OVERVIEW))
    data = {"token": token, "x": "y" * MAX_FORM_BYTES}
    assert (await browser.web.post("/console/sign-out", data=data)).status_code == 422


async def test_every_answer_carries_the_headers(house: House) -> None:
    browser = await house.signed_in("tenant:acme")
    paths = ["/console", "/console/nowhere", "/console/sign-in", "/console/enter/x", OVERVIEW]
    paths += ["/console/t/globex/overview", "/console/static/nothing", "/"]
    for path in paths:
        headers = (await browser.get(path)).headers
        assert {name: headers.get(name) for name in HEADERS} == HEADERS, path
        assert headers["cache-control"] == "no-store"
    found = re.search(r"/console/static/console\.css\?v=\w+", (await browser.get(OVERVIEW)).text)
    assert found is not None
    asset = await browser.get(found[0])
    assert "immutable" in asset.headers["cache-control"]
    assert asset.headers["content-encoding"] == "gzip"


async def test_pages_hold_no_script_and_no_style_of_their_own(house: House) -> None:
    browser = await house.signed_in("tenant:acme")
    for path in (OVERVIEW, "/console/sign-in", "/console/tenants"):
        text = (await browser.get(path)).text
        assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)|javascript:", text)


async def test_scripts_read_no_cookie_and_other_sites_send_none(house: House) -> None:
    made = await house.installation.key("tenant:acme")
    entered = await house.browser().post("/console/sign-in", key=made.api_key)
    cookie = next(c for c in entered.headers.get_list("set-cookie") if c.startswith("tollgate_s"))
    assert {"httponly", "samesite=lax", "path=/"} <= set(cookie.lower().split("; "))
    assert "secure" not in cookie.lower().split("; ")
    asked = await house.browser().get("/console/sign-in")
    assert "samesite=strict" in asked.headers["set-cookie"].lower()


async def test_behind_tls_cookies_are_for_tls_and_this_host_alone(house: House) -> None:
    async with opened(house.installation, console_url="https://pay.example.com") as behind:
        asked = await behind.browser().get("/console/sign-in")
        cookie = asked.headers["set-cookie"]
        assert cookie.startswith("__Host-tollgate_visitor=")
        assert "secure" in cookie.lower().split("; ")
        assert "max-age" in asked.headers["strict-transport-security"]


async def test_too_many_pages_at_once_are_turned_away(house: House) -> None:
    gate = house.console.gate
    gate.limiter.in_flight = MAX_PAGES_IN_FLIGHT
    assert (await house.browser().get("/console/sign-in")).status_code == 429
    gate.limiter.in_flight = 0
    assert (await house.browser().get("/console/sign-in")).status_code == 200


async def test_a_page_that_takes_too_long_is_given_up(house: House) -> None:
    browser = await house.signed_in("tenant:acme")
    async with house.installation.parts._pool.acquire() as connection, connection.transaction():
        await connection.execute("LOCK TABLE tenants IN ACCESS EXCLUSIVE MODE")
        async with opened(house.installation, deadline_s=0.3) as hasty:
            slow = hasty.browser()
            slow.web.cookies.update(browser.web.cookies)
            assert (await slow.get(OVERVIEW)).status_code == 504


async def test_a_page_weighs_less_than_150_kilobytes_with_all_it_loads(house: House) -> None:
    browser = await house.signed_in("tenant:acme")
    for path in (OVERVIEW, "/console/sign-in"):
        page = await browser.get(path)
        total = len(page.content)
        for link in set(re.findall(r'(?:src|href)="(/console/static/[^"]+)"', page.text)):
            total += int((await browser.get(link)).headers["content-length"])
        assert total < 150_000


async def test_every_route_of_the_console_is_guarded(house: House) -> None:
    routes = console_routes(house.console.gate, house.console.assets, secure=False)
    assert all(route.endpoint.__qualname__.startswith("dressed.") for route in routes)  # type: ignore[attr-defined]
