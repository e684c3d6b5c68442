"""How posts are signed, so that the receiver knows that they are ours, and new.

The header is `t=<unix seconds>,v1=<hex>[,v1=<hex>]`; v1 is HMAC-SHA256 over "{t}.{body}" with the
whole secret, `whsec_` included. While an old secret still counts there is a v1 for each. It is
the scheme of Stripe's webhooks, so that their receivers' code can check it.
"""

import hashlib
import hmac
from collections.abc import Sequence

HEADER = "Tollgate-Signature"


def sign(secrets: Sequence[str], at: int, body: bytes) -> str:
    """The header's value for a body that is sent at `at`, in unix seconds."""
    text = f"{at}.".encode() + body
    digests = [hmac.new(secret.encode(), text, hashlib.sha256).hexdigest() for secret in secrets]
    return ",".join([f"t={at}", *(f"v1={digest}" for digest in digests)])
