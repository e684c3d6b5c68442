"""Posts outbox entries: one transaction for a group, repeatable after a crash at any point."""

from collections.abc import Sequence
from operator import itemgetter

from ledger.columns import columns
from ledger.entry import Entry, ForcedReturn, PostedDebit, SettledCall, Verdict
from ledger.errors import EpochChanged, OutboxGap
from ledger.group import CALL_CONTENT, Found, Known, Place, decide
from ledger.group_writing import write
from ledger.payments.top_up import Return, return_id_of
from ledger.pool import Connection, Pool, Row
from ledger.sql import statements
from ledger.transaction import reading, transact

SQL = statements("journal")

DEBITS = PostedDebit | ForcedReturn
MOVES_MONEY = SettledCall | DEBITS


class Journal:
    """The only writer of calls and of money that the live store moved."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def admission(self, shard: int) -> int:
        """What to read before the outbox, and to post with."""
        async with reading(self._pool) as connection:
            return int(await connection.fetchval(SQL["find_admission"], shard) or 0)

    async def post(
        self, shard: int, epoch: int, entries: Sequence[Entry], admission: int | None = None
    ) -> list[Verdict]:
        """Posts a group whose numbers are consecutive; the verdicts are in the entries' order.

        Entries that were posted before get the verdict that they had. Raises EpochChanged when
        the shard was rebuilt, or a server of it admitted since `admission`: read the outbox anew;
        OutboxGap when entries are missing, LedgerUnavailable when the outcome is unknown: then
        post the same group again.
        """
        if not entries:
            return []
        for expected, entry in enumerate(entries, start=entries[0].n):
            if entry.n != expected:
                raise OutboxGap(expected, entry.n)

        async def work(connection: Connection) -> list[Verdict]:
            return await _post(connection, shard, epoch, entries, admission)

        return await transact(self._pool, work)


async def _post(
    connection: Connection,
    shard: int,
    epoch: int,
    entries: Sequence[Entry],
    admission: int | None,
) -> list[Verdict]:
    posted_n = await _lock_shard(connection, shard, epoch, admission)
    if entries[0].n > posted_n + 1:
        raise OutboxGap(posted_n + 1, entries[0].n)
    funds = await _funds(connection, entries)
    known = await _known(connection, posted_n, entries, funds)
    plan = decide(shard, epoch, entries, known)
    if entries[-1].n > posted_n:
        await write(connection, shard, epoch, plan, funds)
        await connection.execute(SQL["store_progress"], shard, epoch, entries[-1].n)
    return plan.verdicts


async def _lock_shard(connection: Connection, shard: int, epoch: int, admission: int | None) -> int:
    stored = await connection.fetchrow(SQL["share_epoch"], shard)
    if stored is None or stored["epoch"] != epoch:
        raise EpochChanged(f"shard {shard} is not in epoch {epoch}")
    if admission not in (None, stored["admissions"]):
        raise EpochChanged(f"a server of shard {shard} was admitted meanwhile")
    progress = await connection.fetchrow(SQL["lock_progress"], shard)
    if progress is None or progress["epoch"] != epoch:
        raise EpochChanged(f"shard {shard} has no progress in epoch {epoch}")
    return int(progress["n"])


async def _funds(connection: Connection, entries: Sequence[Entry]) -> list[Row]:
    tenants = {entry.tenant for entry in entries if isinstance(entry, MOVES_MONEY)}
    return await connection.fetch(SQL["find_funds"], list(tenants)) if tenants else []


async def _known(
    connection: Connection, posted_n: int, entries: Sequence[Entry], funds: Sequence[Row]
) -> Known:
    calls = [(e.tenant, e.call_id) for e in entries if isinstance(e, SettledCall)]
    debits = [(e.tenant, e.request_id) for e in entries if isinstance(e, DEBITS)]
    found_calls = await connection.fetch(SQL["find_calls"], *columns(calls)) if calls else []
    found_debits = await connection.fetch(SQL["find_requests"], *columns(debits)) if debits else []
    return Known(
        posted_n,
        {(row["tenant"], row["call_id"]): _found_call(row) for row in found_calls},
        {(row["scope"], row["request_id"]): _found_request(row) for row in found_debits},
        {row["tenant"]: row["currency"] for row in funds},
        await _returns(connection, entries),
    )


async def _returns(connection: Connection, entries: Sequence[Entry]) -> dict[int, Return]:
    asked = [return_id_of(e.request_id) or 0 for e in entries if isinstance(e, ForcedReturn)]
    rows = await connection.fetch(SQL["find_returns"], asked) if asked else []
    return {row["id"]: Return(*row) for row in rows}


def _found_call(row: Row) -> Found:
    place = Place(row["shard"], row["epoch"], row["n"])
    return Found(place, _content(row))


_content = itemgetter(*CALL_CONTENT)


def _found_request(row: Row) -> Found:
    response = row["response"] or {}
    place = Place(*response["debit"]) if "debit" in response else None
    return Found(place, (row["digest"],))
