"""Asking the live store on a tenant's behalf, until it gives an answer to tell.

The script answers with what the asker does not know yet: the account is not loaded, the profile
or the pinned tariff is another. Each of these is mended and asked again, a bounded number of
times; no read comes before the first try.
"""

from collections.abc import Awaitable, Callable

from quota.batch import Result
from quota.decision import CallResult, Code, Refused
from quota.store import QuotaStore
from server.calls.directory import Known, TenantDirectory
from server.calls.price_book import PriceBook, Pricing
from server.calls.questions import Question
from server.errors import KeyReused, OutboxFull, StoreUnavailable

MAX_ROUNDS = 8

Choose = Callable[[Known], Awaitable[Pricing | None]]


class Asker:
    """Submits operations and mends what keeps them from being decided."""

    def __init__(self, store: QuotaStore, directory: TenantDirectory, book: PriceBook) -> None:
        self._store, self._directory, self._book = store, directory, book

    async def ask(
        self,
        tenant_id: str,
        pricing: Pricing | None,
        question: Question,
        choose: Choose | None = None,
    ) -> tuple[CallResult | None, Pricing | None]:
        """The decision and the prices it was made with; None when no store record is there.

        `choose` picks the prices when none are given; without it the first try goes unrated and
        the script tells the pinned ones. Raises Failure, UnknownTenant, or that a store is away.
        """
        known = await self._directory.known(tenant_id)
        for _ in range(MAX_ROUNDS):
            if pricing is None and choose is not None:
                pricing = await choose(known)
            result = await self._store.submit(question.build(known, pricing))
            if isinstance(result, CallResult):
                return result, pricing
            assert isinstance(result, Refused)
            if result.code == Code.CALL_MISSING:
                return None, pricing
            if result.code == Code.PIN_MISMATCH:
                pin, model = result.detail
                pricing = await self._book.pinned(str(pin), str(model))
            elif result.code == Code.STALE_PROFILE:
                known = self._directory.learn(
                    tenant_id, int(result.detail[0]), str(result.detail[1])
                )
                if choose is not None:
                    pricing = None
            elif result.code == Code.NOT_LOADED:
                await self._directory.load(tenant_id)
            else:
                raise final_failure(result)
        raise StoreUnavailable("redis")


def final_failure(result: Result) -> Exception:
    """The failure that an answer stands for which asking again does not mend."""
    code = result.code
    if code == Code.KEY_REUSED:
        return KeyReused()
    if code == Code.OUTBOX_FULL:
        return OutboxFull()
    if code in (Code.CLOCK, Code.OUT_OF_MEMORY):
        return StoreUnavailable("redis")
    detail = result.detail if isinstance(result, Refused) else ()
    return RuntimeError(f"the live store answered {Code(code).name} {detail}")
