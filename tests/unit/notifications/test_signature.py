"""Signatures: a known one, and that Stripe's own code takes ours."""

import pytest
import stripe

from server.notifications.signature import sign
from server.notifications.webhook import body_of
from tests.unit.notifications.samples import delivery

BODY = b'{"id":"evt_1"}'
KNOWN = "c89214b5b5da833daed6f0b8c5bb6bd58cea9022bd80ccc78230f3942d632925"


def test_the_known_signature() -> None:
    assert sign(["whsec_test"], 1_700_000_000, BODY) == f"t=1700000000,v1={KNOWN}"


def test_an_old_secret_signs_beside_the_new_one() -> None:
    header = sign(["whsec_new", "whsec_test"], 1_700_000_000, BODY)
    assert header.count("v1=") == 2
    assert header.endswith(f"v1={KNOWN}")


@pytest.mark.parametrize("secret", ["whsec_new", "whsec_old"])
def test_receivers_of_stripes_webhooks_can_check_it(secret: str) -> None:
    body = body_of(delivery())
    header = sign(["whsec_new", "whsec_old"], 1_700_000_000, body)
    verify = stripe.WebhookSignature.verify_header
    verify(body.decode(), header, secret)
    with pytest.raises(stripe.SignatureVerificationError):
        verify(body.decode() + " ", header, secret)


def test_the_body_is_the_same_at_every_attempt() -> None:
    assert body_of(delivery()) == body_of(delivery(attempts=7))
