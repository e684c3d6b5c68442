"""Page sizes and opaque page tokens (AIP-158)."""

import base64
import binascii
import json

from server.errors import InvalidFields, Violation

MAX_PAGE = 1000
DEFAULT_PAGE = 100
MAX_TOKEN = 1000


def page_size(asked: int) -> int:
    """The size to use; 0 means 100. Raises InvalidFields outside 0 to 1000."""
    if not 0 <= asked <= MAX_PAGE:
        raise InvalidFields([Violation("page_size", f"must be from 0 to {MAX_PAGE}")])
    return asked or DEFAULT_PAGE


def token(*parts: str) -> str:
    """The token that continues after a row with these parts."""
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode()


def position(page_token: str, parts: int) -> tuple[str, ...] | None:
    """The parts of a token; None for the first page. Raises InvalidFields."""
    if not page_token:
        return None
    try:
        if len(page_token) > MAX_TOKEN:
            raise ValueError
        found = json.loads(base64.urlsafe_b64decode(page_token.encode()))
        if not (isinstance(found, list) and len(found) == parts):
            raise ValueError
        if not all(isinstance(part, str) and part.isprintable() for part in found):
            raise ValueError
    except (binascii.Error, ValueError, RecursionError) as error:
        violation = Violation("page_token", "must be a next_page_token, unchanged")
        raise InvalidFields([violation]) from error
    return tuple(found)
