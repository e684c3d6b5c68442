"""Moves forced returns in the live store: what is there comes out, the ledger learns how much.

A return is open from its record in the ledger until the move is posted. Until then it is asked
for again, under one key: the store takes once, and after the store has forgotten the key, the
posting would give a second take back. Before the first take the live store gets every credit that
the ledger knows, or a credit that comes after it could be spent although it was taken back.
"""

import asyncio
import time
from hashlib import blake2b

import structlog

from ledger.errors import LedgerError
from ledger.payments.top_up import Return, return_request
from ledger.payments.top_ups import TopUps
from quota.decision import Code
from quota.errors import QuotaError
from quota.operation import Debit, debit_key
from quota.store import QuotaStore
from server.background.applying import ChangeApplier, ChangeRefused
from server.metrics import ALARMS

LOOK_EVERY_S = 0.5
ASK_AGAIN_S = 5.0
PORTION = 500
NOTE = b"taken back by the payment provider"

log = structlog.get_logger(__name__)


class Returner:
    """Takes back what providers took back."""

    def __init__(self, store: QuotaStore, applier: ChangeApplier, top_ups: TopUps) -> None:
        self._store, self._applier, self._top_ups = store, applier, top_ups
        self._asked: dict[int, float] = {}

    async def move(self, back: Return) -> bool:
        """Takes min(amount, available) once, however often it is asked; whether it is done.

        Raises ChangeRefused when the account cannot be read or changed, and what the stores raise
        when they are away.
        """
        await self._applier.catch_up_tenant(back.tenant)
        digest = blake2b(f"{back.id}|{back.amount_micros}".encode(), digest_size=16).digest()
        key = debit_key(return_request(back.id))
        result = await self._store.submit(
            Debit(back.tenant, key, back.amount_micros, digest, NOTE, partial=1)
        )
        return bool(result.code == Code.OK)

    async def move_open(self) -> None:
        """Moves every open return that was not asked for within the last seconds.

        Raises QuotaError when all was tried that could be: a shard that is away keeps only its
        own tenants waiting.
        """
        after, seen, away = 0, set[int](), dict[int, QuotaError]()
        while portion := await self._top_ups.open_returns(PORTION, after):
            seen.update(back.id for back in portion)
            for back in portion:
                await self._move_unless_away(back, away)
            after = portion[-1].id
        self._asked = {number: at for number, at in self._asked.items() if number in seen}
        for error in away.values():
            raise error

    async def _move_unless_away(self, back: Return, away: dict[int, QuotaError]) -> None:
        shard = self._store.line_of(back.tenant).shard
        if shard in away or time.monotonic() < self._asked.get(back.id, 0.0):
            return
        try:
            done = await self.move(back)
        except ChangeRefused:
            done = False
        except QuotaError as error:
            away[shard] = error
            return
        self._asked[back.id] = time.monotonic() + ASK_AGAIN_S
        if not done:  # keeps no other waiting
            ALARMS.labels("return_refused").inc()
            log.error("a return cannot be taken", tenant=back.tenant, return_id=back.id)

    async def run(self) -> None:
        """Moves for ever; waits out stores that are away."""
        while True:
            try:
                await self.move_open()
            except (LedgerError, QuotaError) as error:
                log.warning("returns wait", why=type(error).__name__)
            await asyncio.sleep(LOOK_EVERY_S)
