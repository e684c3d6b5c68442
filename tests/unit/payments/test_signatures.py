"""Signatures: the known vectors, and 20,000 mutated messages of which none is believed."""

import random
from collections.abc import Callable

import pytest

from server.payments import robokassa, stripe_signature
from server.payments.robokassa import Shop, read_result, signature
from server.payments.stripe_signature import NotSigned, verify
from tests.integration.payments.messages import result, stripe_header

FORGERIES = 20_000
NOW = 1_700_000_000
BODY = b'{"id":"evt_1"}'
MAC = "c89214b5b5da833daed6f0b8c5bb6bd58cea9022bd80ccc78230f3942d632925"
GOOD = f"t={NOW},v1={MAC}"
SHOP = Shop("shop", "pw1", "pw2", "md5", False)
SIGNS = "0123456789abcdefABCDEFtv=,.:&+-_ %\0\n\N{ARABIC-INDIC DIGIT ONE}é"


def test_the_known_vector_of_stripe_is_believed() -> None:
    verify(GOOD, BODY, "whsec_test", NOW)
    assert stripe_header(BODY, "whsec_test", NOW) == GOOD


def test_the_known_vectors_of_robokassa_hold() -> None:
    assert signature("md5", ["150.00", "42", "pw2"]) == "0FBDC762D79CBB1E079FEA750ED239F7"
    own = ["Shp_login=u1", "Shp_oplata=1"]
    expected = "36C395D39B86DE650BD458630336AEA9"
    assert signature("md5", ["150.00", "42", "pw2", *own]) == expected
    body = f"OutSum=150.00&InvId=42&Shp_oplata=1&Shp_login=u1&SignatureValue={expected.lower()}"
    assert read_result(body.encode(), SHOP) == robokassa.Result(42, 15_000, False)


@pytest.mark.parametrize("away_s", [-300, 300])
def test_a_clock_may_differ_by_five_minutes_either_way(away_s: int) -> None:
    verify(GOOD, BODY, "whsec_test", NOW + away_s)
    with pytest.raises(NotSigned, match="stale"):
        verify(GOOD, BODY, "whsec_test", NOW + away_s + (1 if away_s > 0 else -1))


def test_no_forgery_for_stripe_is_believed() -> None:
    chance = random.Random(20261125)
    for _ in range(FORGERIES):
        header, body, secret = GOOD, BODY, "whsec_test"
        while (header, body, secret) == (GOOD, BODY, "whsec_test"):
            target = chance.randrange(10)
            if target < 5:
                header = mutated(header, chance)
            elif target < 9:
                body = mutated(body.decode(), chance).encode()
            else:
                secret = mutated(secret, chance)
        # HMAC fills a key up with zero bytes, so these at the end change nothing.
        if _says_the_same(header) and body == BODY and secret.rstrip("\0") == "whsec_test":
            continue
        with pytest.raises(NotSigned):
            verify(header, body, secret, NOW)


def _says_the_same(header: str) -> bool:
    """Whether the one t and the one v1 survived: what else stands there says nothing."""
    parts = [part.partition("=") for part in header.split(",")]
    named = [(name.strip(), value) for name, _, value in parts]
    times = [value for name, value in named if name == "t"]
    return times == [str(NOW)] and ("v1", MAC) in named


def test_no_forgery_for_robokassa_is_believed() -> None:
    chance = random.Random(20261125)
    good = result(42, "150.00", Shp_login="u1").decode()
    truth = read_result(good.encode(), SHOP)
    believed = 0
    for _ in range(FORGERIES):
        forged = good
        while forged == good:
            forged = mutated(forged, chance)
        try:
            found = read_result(forged.encode(), SHOP)
        except robokassa.NotSigned:
            continue
        # Letters of the hex in the other case, or a field that nobody signs: the same message.
        assert found == truth, forged
        believed += 1
    assert believed < FORGERIES / 20


def mutated(text: str, chance: random.Random) -> str:
    """The text with one to three small changes."""
    for _ in range(chance.randint(1, 3)):
        at = chance.randrange(len(text) + 1)
        change: Callable[[], str] = chance.choice(
            [
                lambda: text[:at] + chance.choice(SIGNS) + text[at:],  # noqa: B023
                lambda: text[:at] + text[at + 1 :],  # noqa: B023
                lambda: text[:at] + chance.choice(SIGNS) + text[at + 1 :],  # noqa: B023
                lambda: text[:at] + text[:at][-8:] + text[at:],  # noqa: B023
                lambda: text + "," + text[at:],  # noqa: B023
                lambda: text[at:] + text[:at],  # noqa: B023
            ]
        )
        text = change() or "x"
    return text


def test_the_tolerance_is_what_is_written_down() -> None:
    assert stripe_signature.TOLERANCE_S == 300
