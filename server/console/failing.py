"""What people see when something fails: a page, or for a part of a page a toast."""

from collections.abc import Iterable

import grpc
from starlette.responses import HTMLResponse, Response

from server.console.access.forgery import FORGED
from server.console.asking import Declined
from server.console.visit import Guest
from server.errors import Violation

STATUSES = {
    grpc.StatusCode.INVALID_ARGUMENT: 422,
    grpc.StatusCode.UNAUTHENTICATED: 401,
    grpc.StatusCode.PERMISSION_DENIED: 403,
    grpc.StatusCode.NOT_FOUND: 404,
    grpc.StatusCode.ALREADY_EXISTS: 409,
    grpc.StatusCode.FAILED_PRECONDITION: 409,
    grpc.StatusCode.RESOURCE_EXHAUSTED: 429,
    grpc.StatusCode.UNAVAILABLE: 503,
    grpc.StatusCode.DEADLINE_EXCEEDED: 504,
}
INTERNAL = 500
BY_REASON = {FORGED: 403}
# Where a toast goes, whatever was to be replaced.
TOAST = {"HX-Retarget": "#toasts", "HX-Reswap": "beforeend"}


def failed(guest: Guest, declined: Declined) -> Response:
    """The answer to a request that a service declined."""
    status = BY_REASON.get(declined.reason) or STATUSES.get(declined.code, INTERNAL)
    text = words_of(guest, declined)
    if guest.wants_fragment:
        return toast(guest, text, "bad", status)
    reference = declined.metadata.get("correlation_id", "")
    return guest.page("error.html", status, mark=status, text=text, reference=reference)


def words_of(guest: Guest, declined: Declined) -> str:
    """What went wrong, in the person's language; by its reason, else by its status."""
    for key in (f"errors.{declined.reason}", f"errors.{declined.code.name}"):
        if guest.words.has(key):
            return guest.words(key)
    return guest.words("errors.INTERNAL")


def field_errors(guest: Guest, declined: Declined) -> dict[str, str]:
    """What is wrong with each field of a form, by the field's name in the request."""
    return violations_in_words(guest, declined.violations)


def violations_in_words(guest: Guest, violations: Iterable[Violation]) -> dict[str, str]:
    """What is wrong with each field, in the person's language."""
    return {each.field: _must(guest, each.reason, each.description) for each in violations}


def _must(guest: Guest, reason: str, description: str) -> str:
    key = f"fields.{reason}"
    return guest.words(key) if guest.words.has(key) else description


def toast(guest: Guest, text: str, kind: str = "good", status: int = 200) -> Response:
    """A short message at the edge of the page, for htmx alone."""
    markup = guest.render("toast.html", text=text, kind=kind)
    return HTMLResponse(markup, status, headers=TOAST)
