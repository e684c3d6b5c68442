"""API keys as this process knows them: looked up once, remembered for at most 30 seconds."""

import asyncio
import hashlib
import hmac
import math
import os
from collections.abc import Callable, Sequence
from time import monotonic
from typing import NamedTuple, Protocol

import structlog

from server.errors import Failure, Overloaded, StoreUnavailable, Unauthenticated
from server.interceptors.principal import Principal

# Half of the time within which a revoked key must be refused; the rest is for looking again.
FRESH_S = 15.0
KEPT_S = 30.0
RETRY_S = 5.0
MAX_KEYS = 10_000
MAX_LOOKUPS = 32
MAX_KEY_LENGTH = 200

log = structlog.get_logger(__name__)


class StoredKey(Protocol):
    """A valid key as it is stored."""

    @property
    def secret_sha256(self) -> bytes:
        """SHA-256 of the secret, the part after the second underscore."""

    @property
    def scopes(self) -> Sequence[str]:
        """What the key may do."""


class KeyFinder(Protocol):
    """Where keys are stored."""

    async def find(self, key_id: str) -> StoredKey | None:
        """The key if it exists and is not revoked."""


class _Known(NamedTuple):
    digest: bytes
    principal: Principal | None
    fresh_until: float
    kept_until: float


class KeyRing:
    """Answers whose key it is. Unknown keys are remembered too, apart from the known ones.

    While the finder is away, keys known before stay valid: nobody can revoke one then either.
    """

    def __init__(self, finder: KeyFinder, clock: Callable[[], float] = monotonic) -> None:
        self._finder = finder
        self._clock = clock
        self._pinned: dict[str, _Known] = {}
        self._known: dict[str, _Known] = {}
        self._unknown: dict[str, _Known] = {}
        # Whole keys that were verified, until they must be asked for again: hashing each time
        # would cost more than everything else that is done about keys.
        self._proven: dict[str, _Known] = {}
        self._lookups: dict[str, asyncio.Task[_Known]] = {}
        # Compared with when there is no key, so that both answers take the same path.
        self._nobody = os.urandom(32)

    def pin(self, key: str, scopes: tuple[str, ...]) -> None:
        """Make a key valid for the life of the process, without the finder."""
        key_id, secret = _parse(key)
        principal = Principal.of(key_id, scopes)
        self._pinned[key_id] = _Known(_sha256(secret), principal, math.inf, math.inf)

    def recall(self, key: str) -> Principal | None:
        """The principal of a key that is remembered; None when it must be looked up.

        Raises Unauthenticated.
        """
        now = self._clock()
        proven = self._proven.get(key)
        if proven is not None and now < proven.fresh_until:
            return proven.principal
        key_id, secret = _parse(key)
        known = self._remembered(key_id)
        if known is None:
            return None
        if now >= known.fresh_until:
            if now >= known.kept_until:
                return None
            self._look_up(key_id)
        principal = _verify(known, secret)
        _remember(self._proven, key, known)
        return principal

    async def ask(self, key: str) -> Principal:
        """The principal of a key. Raises Unauthenticated, StoreUnavailable, Overloaded."""
        key_id, secret = _parse(key)
        lookup = self._look_up(key_id)
        if lookup is None:
            raise Overloaded
        # The answer is for everybody who asks for this key, so nobody's cancellation ends it.
        return _verify(await asyncio.shield(lookup), secret)

    async def vouch(self, key_id: str) -> Principal:
        """The principal of a key that was verified before, by its id alone.

        Raises Unauthenticated, StoreUnavailable, Overloaded.
        """
        now = self._clock()
        known = self._remembered(key_id)
        if known is None or now >= known.fresh_until:
            lookup = self._look_up(key_id)
            if known is None or now >= known.kept_until:
                if lookup is None:
                    raise Overloaded
                known = await asyncio.shield(lookup)
        if known.principal is None:
            raise Unauthenticated
        return known.principal

    async def close(self) -> None:
        """End the look-ups that run."""
        for lookup in list(self._lookups.values()):
            lookup.cancel()
        await asyncio.gather(*self._lookups.values(), return_exceptions=True)

    def _remembered(self, key_id: str) -> _Known | None:
        pinned = self._pinned.get(key_id)
        return pinned or self._known.get(key_id) or self._unknown.get(key_id)

    def _look_up(self, key_id: str) -> asyncio.Task[_Known] | None:
        lookup = self._lookups.get(key_id)
        if lookup is None and len(self._lookups) < MAX_LOOKUPS:
            lookup = asyncio.create_task(self._find(key_id), name="key look-up")
            self._lookups[key_id] = lookup
            lookup.add_done_callback(lambda done: self._looked_up(key_id, done))
        return lookup

    def _looked_up(self, key_id: str, done: asyncio.Task[_Known]) -> None:
        del self._lookups[key_id]
        if not done.cancelled():
            done.exception()  # whoever waits has it; a look-up ahead of time waits for nobody

    async def _find(self, key_id: str) -> _Known:
        try:
            stored = await self._finder.find(key_id)
        except Exception as error:
            return self._keep_old(key_id, error)
        now = self._clock()
        times = (now + FRESH_S, now + KEPT_S)
        if stored is None:
            self._known.pop(key_id, None)
            return _remember(self._unknown, key_id, _Known(self._nobody, None, *times))
        self._unknown.pop(key_id, None)
        principal = Principal.of(key_id, tuple(stored.scopes))
        return _remember(self._known, key_id, _Known(stored.secret_sha256, principal, *times))

    def _keep_old(self, key_id: str, error: Exception) -> _Known:
        old = self._known.get(key_id)
        log.warning("key look-up failed", key_id=key_id, known=old is not None, exc_info=error)
        if old is None:
            raise error if isinstance(error, Failure) else StoreUnavailable("postgres") from error
        now = self._clock()
        return _remember(
            self._known, key_id, old._replace(fresh_until=now + RETRY_S, kept_until=now + KEPT_S)
        )


def _remember(keys: dict[str, _Known], key_id: str, known: _Known) -> _Known:
    if key_id not in keys and len(keys) >= MAX_KEYS:
        del keys[next(iter(keys))]
    keys[key_id] = known
    return known


def _parse(key: str) -> tuple[str, str]:
    """The id and the secret of "tg_<id>_<secret>". Raises Unauthenticated."""
    parts = key.split("_") if len(key) <= MAX_KEY_LENGTH else ()
    if len(parts) != 3 or parts[0] != "tg" or not parts[1] or not key.isascii():
        raise Unauthenticated
    return parts[1], parts[2]


def _verify(known: _Known, secret: str) -> Principal:
    matches = hmac.compare_digest(known.digest, _sha256(secret))
    if known.principal is None or not matches:
        raise Unauthenticated
    return known.principal


def _sha256(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
