"""Sessions: a signed cookie names the key that proved itself, and the key ring vouches for it."""

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import NamedTuple

from itsdangerous import BadSignature, URLSafeSerializer

from ledger.console_access import ConsoleAccess
from ledger.errors import LedgerUnavailable
from server.errors import Failure, Unauthenticated
from server.interceptors.key_ring import KeyRing
from server.interceptors.principal import TENANT, Principal

# How long another server's sign-out may take to be seen here: as with revoked keys, half of 30 s.
LOOK_AGAIN_S = 15.0
_ID_BYTES = 16


class Session(NamedTuple):
    """Somebody who signed in. `tenant_id` narrows the key's rights to that tenant's own; empty
    does not. Times in seconds since the Unix epoch.
    """

    id: str
    key_id: str
    tenant_id: str
    begun_at: int
    seen_at: int


class Sessions:
    """Begins, seals, reads and ends sessions."""

    def __init__(
        self,
        secret: str,
        ring: KeyRing,
        access: ConsoleAccess,
        *,
        idle_s: int,
        lasts_s: int,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._sealer = URLSafeSerializer(
            secret, salt="session", signer_kwargs={"digest_method": hashlib.sha256}
        )
        self._secret, self._ring, self._access = secret.encode(), ring, access
        self.idle_s, self.lasts_s, self._clock = idle_s, lasts_s, clock
        self._ended: frozenset[str] = frozenset()
        self._looked_at = float("-inf")

    def begin(self, key_id: str, tenant_id: str = "") -> Session:
        """A session of a key that has just proved itself."""
        now = int(self._clock())
        return Session(secrets.token_urlsafe(_ID_BYTES), key_id, tenant_id, now, now)

    def seal(self, session: Session) -> str:
        """What the cookie holds, seen now."""
        sealed = self._sealer.dumps(session._replace(seen_at=int(self._clock())))
        return sealed if isinstance(sealed, str) else sealed.decode()

    def read(self, cookie: str) -> Session | None:
        """The session of a cookie; None when it is not ours, or too old."""
        try:
            session = Session(*self._sealer.loads(cookie))
        except (BadSignature, TypeError):
            return None
        return None if self.is_over(session) else session

    def is_over(self, session: Session) -> bool:
        """Whether its time is over."""
        now = self._clock()
        return now >= session.seen_at + self.idle_s or now >= session.begun_at + self.lasts_s

    def age_s(self, session: Session) -> float:
        """How long ago its cookie was sealed."""
        return self._clock() - session.seen_at

    async def principal(self, session: Session) -> Principal:
        """Whose rights the session has now. Raises Unauthenticated when it ended, or its key was
        revoked; StoreUnavailable, Overloaded.
        """
        if self.is_over(session) or session.id in await self._ended_ones():
            raise Unauthenticated
        principal = await self._ring.vouch(session.key_id)
        if not session.tenant_id:
            return principal
        if not principal.may_use(session.tenant_id):
            raise Unauthenticated
        # A tenant's link made by an administrator shows what the tenant's own key would.
        sees_numbers = principal.role == TENANT and principal.sees_numbers
        return Principal(principal.key_id, TENANT, frozenset({session.tenant_id}), sees_numbers)

    async def goes_on(self, session: Session) -> bool:
        """Whether the session has rights still; it has while nobody can say otherwise."""
        try:
            await self.principal(session)
        except Unauthenticated:
            return False
        except Failure:
            return True
        return True

    async def end(self, session: Session) -> None:
        """Ends it wherever its cookie was copied to. Raises LedgerUnavailable."""
        self._ended |= {session.id}
        forget_at = datetime.fromtimestamp(session.begun_at + self.lasts_s, UTC)
        await self._access.end_session(session.id, forget_at)

    def token_against_forgery(self, holder: str) -> str:
        """What forms of a session, or of a visitor, must send along."""
        return hmac.new(self._secret, b"forgery " + holder.encode(), hashlib.sha256).hexdigest()

    async def _ended_ones(self) -> frozenset[str]:
        now = time.monotonic()
        if now >= self._looked_at + LOOK_AGAIN_S:
            self._looked_at = now
            # While the ledger is away, nobody can end a session elsewhere either.
            with suppress(LedgerUnavailable):
                self._ended = await self._access.ended_sessions()
        return self._ended
