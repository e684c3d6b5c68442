"""Whether a webhook comes from Stripe: the Stripe-Signature header over the raw body.

Stricter than the official library, which takes a timestamp from the future.
"""

import hashlib
import hmac
import re

TOLERANCE_S = 300
MAX_PARTS = 20

_SECONDS = re.compile(r"[0-9]{1,12}")
_HEX = re.compile(r"[0-9a-f]{64}")


class NotSigned(Exception):
    """The message is not from Stripe, or not from now; the text names which."""


def verify(header: str, body: bytes, secret: str, now_s: float) -> None:
    """Raises NotSigned unless the header has exactly one t, at most 300 s away from now on either
    side, and any v1 that is the HMAC-SHA256 of "{t}.{body}". Other schemes, v0 say, mean nothing.
    """
    parts = [part.partition("=") for part in header.split(",")]
    if len(parts) > MAX_PARTS:
        raise NotSigned("header")
    times = [value for name, _, value in parts if name.strip() == "t"]
    if len(times) != 1 or not _SECONDS.fullmatch(times[0]):
        raise NotSigned("timestamp")
    expected = hmac.new(secret.encode(), times[0].encode() + b"." + body, hashlib.sha256)
    given = [value for name, _, value in parts if name.strip() == "v1" and _HEX.fullmatch(value)]
    # All are compared, so that the time tells nothing of which came close.
    if not sum(hmac.compare_digest(value, expected.hexdigest()) for value in given):
        raise NotSigned("signature")
    if abs(now_s - int(times[0])) > TOLERANCE_S:
        raise NotSigned("stale")
