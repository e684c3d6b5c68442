"""The headers that every answer of the console carries."""

from starlette.requests import Request
from starlette.responses import Response

from server.console.gate import Endpoint

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
TLS_HEADERS = {"Strict-Transport-Security": "max-age=31536000"}


def dressed(endpoint: Endpoint, *, secure: bool) -> Endpoint:
    """The endpoint with the headers on its answers."""
    headers = HEADERS | (TLS_HEADERS if secure else {})

    async def answer(request: Request) -> Response:
        response = await endpoint(request)
        response.headers.update(headers)
        # A tenant's amounts belong in no cache; assets say otherwise themselves.
        response.headers.setdefault("Cache-Control", "no-store")
        return response

    return answer
