"""API keys as values without I/O: their text, and what is kept of it."""

import hashlib
import re
import secrets
from datetime import datetime
from typing import NamedTuple

from ledger.errors import ApiKeyMalformed

# A name is not secret and is read aloud; 64 bits of it never meet by chance.
_KEY_ID_BYTES = 8
_SECRET_BYTES = 32
_KEY = re.compile(r"tg_([A-Za-z0-9]{1,32})_([A-Za-z0-9]{20,128})")


class ApiKey(NamedTuple):
    """What is known of a key without its secret; `revoked_at` is None while it is valid."""

    key_id: str
    name: str
    scopes: tuple[str, ...]
    created_at: datetime
    revoked_at: datetime | None


class StoredKey(NamedTuple):
    """A key with the SHA-256 of its secret."""

    key: ApiKey
    secret_sha256: bytes


class KeyText(NamedTuple):
    """The two parts of a key's text, `tg_<key_id>_<secret>`."""

    key_id: str
    secret: str

    @property
    def secret_sha256(self) -> bytes:
        """What is kept of the secret."""
        return hashlib.sha256(self.secret.encode()).digest()

    def __str__(self) -> str:
        return f"tg_{self.key_id}_{self.secret}"

    def __repr__(self) -> str:
        return f"KeyText({self.key_id!r}, ...)"


def new_key_text() -> KeyText:
    """A key that nobody can guess."""
    return KeyText(secrets.token_hex(_KEY_ID_BYTES), secrets.token_hex(_SECRET_BYTES))


def parse_key(text: str) -> KeyText:
    """The parts of a key's text; ApiKeyMalformed when it is none."""
    found = _KEY.fullmatch(text)
    if found is None:
        raise ApiKeyMalformed("an API key must read tg_<key_id>_<secret>")
    return KeyText(found[1], found[2])
