"""The way through a list: forward by the services' tokens, back by the address."""

from urllib.parse import parse_qs, urlsplit

from server.console.pager import MOST_BEHIND, Pager

PATH = "/console/t/acme/history"


def followed(address: str) -> Pager:
    """The pager of the page at an address."""
    query = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
    behind = tuple(filter(None, query.get("behind", "").split(".")))
    chosen = {name: query[name] for name in query.keys() - {"page", "behind"}}
    return Pager(PATH, chosen, query.get("page", ""), behind)


def test_the_first_page_has_nothing_before_it_and_the_last_nothing_after() -> None:
    first = Pager(PATH, {}, "", ())
    assert (first.is_first, first.back(), first.forward("")) == (True, "", "")


def test_one_comes_back_the_way_one_went() -> None:
    pages = [Pager(PATH, {"type": "calls"}, "", ())]
    for token in ("WyI5Il0=", "WyI2Il0=", "WyIzIl0="):
        pages.append(followed(pages[-1].forward(token)))
    while len(pages) > 1:
        here, before = pages.pop(), pages[-1]
        assert followed(here.back()) == before


def test_an_address_stays_short_and_leads_to_the_beginning_in_the_end() -> None:
    page = Pager(PATH, {}, "", ())
    for number in range(3 * MOST_BEHIND):
        page = followed(page.forward(f"token{number}"))
    assert len(page.behind) == MOST_BEHIND
    for _ in range(MOST_BEHIND + 1):
        page = followed(page.back())
    assert page.is_first
