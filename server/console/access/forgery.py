"""Forms: bounded, and believed only when they come from a page of ours."""

import hmac

from starlette.datastructures import FormData
from starlette.requests import Request

from server.errors import FailedPrecondition, InvalidFields, Violation

MAX_FORM_BYTES = 64 * 1024
MAX_FIELDS = 100
HEADER, FIELD = "x-console-token", "token"
# What browsers say of where a request comes from; old ones say nothing.
OURS = ("", "same-origin")
FORGED = "FORM_EXPIRED"


async def checked_form(request: Request, token: str) -> FormData:
    """The form of a request that carries the token in a header or in a field.

    Raises FailedPrecondition with reason FORM_EXPIRED, InvalidFields.
    """
    if request.headers.get("sec-fetch-site", "") not in OURS:
        raise _forged()
    length = request.headers.get("content-length", "")
    if not (length.isascii() and length.isdigit() and int(length) <= MAX_FORM_BYTES):
        raise InvalidFields([Violation("form", f"must have at most {MAX_FORM_BYTES} bytes")])
    form = await request.form(max_files=0, max_fields=MAX_FIELDS)
    sent = request.headers.get(HEADER) or form.get(FIELD) or ""
    if not (isinstance(sent, str) and hmac.compare_digest(sent.encode(), token.encode())):
        raise _forged()
    return form


def text_of(form: FormData, name: str) -> str:
    """A field's text without the blanks around it; empty when it is not there."""
    value = form.get(name)
    return value.strip() if isinstance(value, str) else ""


def _forged() -> FailedPrecondition:
    return FailedPrecondition(FORGED, "the form is not of this session: load the page again")
