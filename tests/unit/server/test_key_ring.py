"""Keys are looked up once, forgotten in time, and survive the finder's absence."""

import asyncio
import hashlib
from typing import NamedTuple

import pytest

from server.errors import Overloaded, StoreUnavailable, Unauthenticated
from server.interceptors import key_ring
from server.interceptors.key_ring import FRESH_S, KEPT_S, MAX_LOOKUPS, RETRY_S, KeyRing

SECRET = "s" * 32
KEY = f"tg_k1_{SECRET}"


class Stored(NamedTuple):
    """A key as the ledger would hand it out."""

    secret_sha256: bytes
    scopes: tuple[str, ...]


class Finder:
    """Holds keys in memory, counts questions, and fails on demand."""

    def __init__(self) -> None:
        self.keys = {"k1": Stored(hashlib.sha256(SECRET.encode()).digest(), ("gateway",))}
        self.asked = 0
        self.away = False
        self.opened = asyncio.Event()
        self.opened.set()

    async def find(self, key_id: str) -> Stored | None:
        self.asked += 1
        await self.opened.wait()
        if self.away:
            raise ConnectionError("the ledger is away")
        return self.keys.get(key_id)


class Clock:
    """Time that moves when told."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def finder() -> Finder:
    return Finder()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ring(finder: Finder, clock: Clock) -> KeyRing:
    return KeyRing(finder, clock)


async def test_a_key_is_asked_for_once(ring: KeyRing, finder: Finder) -> None:
    assert ring.recall(KEY) is None
    principal = await ring.ask(KEY)
    assert (principal.key_id, principal.role, principal.tenants) == ("k1", "gateway", None)
    assert ring.recall(KEY) == principal
    assert finder.asked == 1


@pytest.mark.parametrize(
    "key", ["", "k1", "tg_k1", "tg__x", "xx_k1_s", "tg_k1_s_s", "tg_k1_ы", "tg_k1_" + "s" * 500]
)
async def test_a_malformed_key_is_never_asked_for(key: str, ring: KeyRing, finder: Finder) -> None:
    with pytest.raises(Unauthenticated):
        ring.recall(key)
    with pytest.raises(Unauthenticated):
        await ring.ask(key)
    assert finder.asked == 0


async def test_a_wrong_secret_is_refused(ring: KeyRing) -> None:
    with pytest.raises(Unauthenticated):
        await ring.ask("tg_k1_wrong")
    with pytest.raises(Unauthenticated):
        ring.recall("tg_k1_wrong")
    assert ring.recall(KEY) is not None


async def test_an_unknown_key_is_remembered_as_such(ring: KeyRing, finder: Finder) -> None:
    for _ in range(3):
        with pytest.raises(Unauthenticated):
            ring.recall("tg_k2_x") or await ring.ask("tg_k2_x")
    assert finder.asked == 1


async def test_a_revoked_key_is_refused_within_thirty_seconds(
    ring: KeyRing, finder: Finder, clock: Clock
) -> None:
    await ring.ask(KEY)
    del finder.keys["k1"]
    clock.now += FRESH_S
    assert ring.recall(KEY) is not None
    await asyncio.sleep(0)  # the look-up ahead of time
    await asyncio.sleep(0)
    with pytest.raises(Unauthenticated):
        ring.recall(KEY)


async def test_an_idle_key_is_asked_for_again(ring: KeyRing, finder: Finder, clock: Clock) -> None:
    await ring.ask(KEY)
    clock.now += KEPT_S
    assert ring.recall(KEY) is None
    await ring.ask(KEY)
    assert finder.asked == 2


async def test_a_known_key_stays_valid_while_the_finder_is_away(
    ring: KeyRing, finder: Finder, clock: Clock
) -> None:
    await ring.ask(KEY)
    finder.away = True
    clock.now += KEPT_S + 1
    assert await ring.ask(KEY)
    assert ring.recall(KEY)
    asked = finder.asked
    clock.now += RETRY_S
    assert ring.recall(KEY)
    await asyncio.sleep(0)
    assert finder.asked == asked + 1


async def test_an_unknown_key_is_an_outage_while_the_finder_is_away(
    ring: KeyRing, finder: Finder
) -> None:
    finder.away = True
    with pytest.raises(StoreUnavailable):
        await ring.ask(KEY)


async def test_many_requests_share_one_look_up(ring: KeyRing, finder: Finder) -> None:
    assert len(await asyncio.gather(*(ring.ask(KEY) for _ in range(50)))) == 50
    assert finder.asked == 1


async def test_a_cancelled_request_does_not_end_the_look_up_of_others(
    ring: KeyRing, finder: Finder
) -> None:
    finder.opened.clear()
    first, second = asyncio.create_task(ring.ask(KEY)), asyncio.create_task(ring.ask(KEY))
    await asyncio.sleep(0)
    first.cancel()
    finder.opened.set()
    assert (await second).key_id == "k1"


async def test_a_flood_of_unknown_keys_is_bounded(ring: KeyRing, finder: Finder) -> None:
    finder.opened.clear()
    waiting = [asyncio.create_task(ring.ask(f"tg_x{n}_s")) for n in range(MAX_LOOKUPS)]
    await asyncio.sleep(0)
    with pytest.raises(Overloaded):
        await ring.ask("tg_more_s")
    await ring.close()
    await asyncio.gather(*waiting, return_exceptions=True)


async def test_unknown_keys_do_not_push_out_known_ones(
    ring: KeyRing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_ring, "MAX_KEYS", 3)
    await ring.ask(KEY)
    for number in range(10):
        with pytest.raises(Unauthenticated):
            await ring.ask(f"tg_x{number}_s")
    assert ring.recall(KEY) is not None
    assert len(ring._unknown) == 3


async def test_a_pinned_key_needs_no_finder(ring: KeyRing, finder: Finder, clock: Clock) -> None:
    finder.away = True
    ring.pin("tg_root_" + SECRET, ("admin",))
    clock.now += 1e6
    principal = ring.recall("tg_root_" + SECRET)
    assert principal is not None
    assert principal.role == "admin"


async def test_a_pinned_key_is_kept_however_many_others_are_known(
    ring: KeyRing, finder: Finder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_ring, "MAX_KEYS", 2)
    ring.pin(f"tg_boot_{SECRET}", ("admin",))
    for number in range(4):
        finder.keys[f"k{number}"] = finder.keys["k1"]
        await ring.ask(f"tg_k{number}_{SECRET}")
    told = ring.recall(f"tg_boot_{SECRET}")
    assert told is not None
    assert told.role == "admin"


async def test_what_was_verified_is_forgotten_with_its_key(
    ring: KeyRing, finder: Finder, clock: Clock
) -> None:
    await ring.ask(KEY)
    assert ring.recall(KEY) is ring.recall(KEY)
    other = Stored(hashlib.sha256(b"other").digest(), ("gateway",))
    finder.keys["k1"] = other
    clock.now += KEPT_S
    await ring.ask("tg_k1_other")
    with pytest.raises(Unauthenticated):
        ring.recall(KEY)


async def test_a_key_that_was_verified_is_vouched_for_by_its_id(
    ring: KeyRing, finder: Finder, clock: Clock
) -> None:
    assert await ring.vouch("k1") == await ring.ask(KEY)
    del finder.keys["k1"]
    assert (await ring.vouch("k1")).key_id == "k1"
    clock.now += KEPT_S
    with pytest.raises(Unauthenticated):
        await ring.vouch("k1")


async def test_while_the_finder_is_away_known_keys_are_vouched_for(
    ring: KeyRing, finder: Finder, clock: Clock
) -> None:
    await ring.ask(KEY)
    finder.away = True
    clock.now += KEPT_S
    assert (await ring.vouch("k1")).key_id == "k1"
    with pytest.raises(StoreUnavailable):
        await ring.vouch("k2")
