"""The history in the console: the services' figures, numbers masked, and what is not there."""

from datetime import UTC, datetime

import pytest

from tests.integration.api.gateway import Gateway
from tests.integration.console.browser import House

HISTORY = "/console/t/acme/history"
CALLER = "+12025550143"
HTMX = {"HX-Request": "true"}


@pytest.fixture
async def talked(house: House) -> House:
    """A console whose tenant acme has one settled call."""
    gateway = Gateway(house.installation.admin)
    await gateway.accepted(caller=CALLER)
    await gateway.posted("c1", 10, caller=CALLER)
    return house


async def test_a_charge_and_a_call_open_in_place_or_as_pages(talked: House) -> None:
    browser = await talked.signed_in("tenant:acme")
    for path, words in (("/rows/2", "/calls/c1"), ("/calls/c1", "Itemised cost")):
        part = (await browser.get(HISTORY + path, headers=HTMX)).text
        page = (await browser.get(HISTORY + path)).text
        assert words in part
        assert words in page
        assert "<html" in page
        assert "<html" not in part


async def test_numbers_are_masked_unless_the_key_may_see_them(talked: House) -> None:
    for path in ("/rows/2", "/calls/c1"):
        masked = (await (await talked.signed_in("tenant:acme")).get(HISTORY + path)).text
        whole = (await (await talked.signed_in("tenant:acme", "numbers")).get(HISTORY + path)).text
        assert CALLER not in masked
        assert CALLER in whole


async def test_what_is_not_there_is_told_so(talked: House) -> None:
    browser = await talked.signed_in("tenant:acme")
    for path in ("/rows/99", "/rows/0", "/rows/x", "/calls/nobody"):
        assert (await browser.get(HISTORY + path)).status_code == 404, path
    for path in ("?first=yesterday", "?page=forged", "/export.csv?last=2026-13-01"):
        assert (await browser.get(HISTORY + path)).status_code == 422, path


async def test_a_day_chosen_in_the_address_bounds_page_and_file(talked: House) -> None:
    browser = await talked.signed_in("tenant:acme")
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    for query, rows in ((f"first={today}&type=calls", 1), ("last=2020-01-01", 0)):
        page = (await browser.get(f"{HISTORY}?{query}")).text
        assert page.count('id="row-') == rows
        answer = await browser.get(f"{HISTORY}/export.csv?{query}&format=ru")
        assert len(answer.text.splitlines()) == 1 + rows
        assert not answer.content.startswith(b"\xef\xbb\xbf")
