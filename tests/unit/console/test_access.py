"""Who may come in: safe places to go to, sessions in time, and attempts in a window."""

from typing import Any, cast

import pytest

from server.console.access.attempts import MAX_ADDRESSES, OVERALL, PER_ADDRESS, WINDOW_S, Attempts
from server.console.access.doors import safe_place
from server.console.access.session import Sessions
from server.errors import Overloaded, Unauthenticated
from server.interceptors.principal import Principal


class Clock:
    """A time that tests set."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


class Ring:
    """Vouches for every key, with the scopes that a test gives."""

    def __init__(self, *scopes: str) -> None:
        self._scopes = scopes

    async def vouch(self, key_id: str) -> Principal:
        return Principal.of(key_id, self._scopes)


class Nobody:
    """Nobody's session was ended."""

    async def ended_sessions(self) -> frozenset[str]:
        return frozenset()


def sessions(clock: Clock, *scopes: str, secret: str = "s" * 64) -> Sessions:
    ring = cast(Any, Ring(*scopes))
    return Sessions(secret, ring, cast(Any, Nobody()), idle_s=60, lasts_s=600, clock=clock)


@pytest.mark.parametrize(
    "place",
    ["https://evil.example", "//evil.example", "/console//evil.example", "/\\evil.example", "/x",
     "/consolex", "javascript:alert(1)", "/console/../metrics/\n", "/console/@evil\\x", "",
     "/console/..", "/console/t/../../metrics", "/console/" + "x" * 600],
)  # fmt: skip
def test_what_is_no_page_of_ours_is_no_place_to_go(place: str) -> None:
    assert safe_place(place) == "/console"


@pytest.mark.parametrize(
    "place", ["/console", "/console/t/acme.ru/overview?month=2026-03", "/console/t/a@b:c+d/x"]
)
def test_pages_of_ours_are(place: str) -> None:
    assert safe_place(place) == place


def test_a_session_is_over_when_nobody_comes_for_a_while() -> None:
    clock = Clock()
    book = sessions(clock)
    sealed = book.seal(book.begin("k"))
    clock.now += 59
    session = book.read(sealed)
    assert session is not None
    sealed = book.seal(session)
    clock.now += 59
    assert book.read(sealed) is not None
    clock.now += 1
    assert book.read(sealed) is None


def test_a_session_is_over_after_its_time_however_often_one_comes() -> None:
    clock = Clock()
    book = sessions(clock)
    session = book.begin("k")
    for _ in range(19):
        clock.now += 30
        found = book.read(book.seal(session))
        assert found is not None
        session = found
    clock.now += 30
    assert book.read(book.seal(session)) is None


def test_a_cookie_of_another_secret_is_no_session() -> None:
    clock = Clock()
    ours, theirs = sessions(clock), sessions(clock, secret="t" * 64)
    assert ours.read(theirs.seal(theirs.begin("k"))) is None


def test_tokens_against_forgery_are_each_holders_own() -> None:
    book = sessions(Clock())
    assert book.token_against_forgery("a") != book.token_against_forgery("b")


async def test_a_link_to_a_tenant_narrows_an_administrators_rights() -> None:
    book = sessions(Clock(), "admin")
    principal = await book.principal(book.begin("k", "acme"))
    assert (principal.role, principal.tenants) == ("tenant", frozenset({"acme"}))
    assert not principal.sees_numbers


async def test_a_link_gives_no_more_than_its_key() -> None:
    book = sessions(Clock(), "tenant:globex")
    with pytest.raises(Unauthenticated):
        await book.principal(book.begin("k", "acme"))


def test_attempts_are_counted_for_an_address_within_a_window() -> None:
    clock = Clock()
    attempts = Attempts(clock)
    for _ in range(PER_ADDRESS):
        attempts.require_room("a")
        attempts.failed("a")
    with pytest.raises(Overloaded):
        attempts.require_room("a")
    attempts.require_room("b")
    clock.now += WINDOW_S
    attempts.require_room("a")


def test_attempts_from_more_addresses_than_are_kept_are_bounded_together() -> None:
    attempts = Attempts(Clock())
    for number in range(MAX_ADDRESSES + 5):
        attempts.failed(str(number))
    assert len(attempts._failed) == MAX_ADDRESSES
    assert attempts._overall > OVERALL
    with pytest.raises(Overloaded):
        attempts.require_room("new")
