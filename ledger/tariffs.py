"""Tariff versions in Postgres."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from ledger.errors import TariffRejected
from ledger.pool import Connection, Pool, Row
from ledger.request import INSTALLATION, Request, content_digest, once
from ledger.sql import statements
from ledger.tariff import Tariff
from ledger.transaction import reading, transact

SQL = statements("tariffs")


class Tariffs:
    """Versions are only ever added. Every method raises LedgerUnavailable."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def put(self, request_id: str, document: Mapping[str, Any]) -> Tariff:
        """Adds the next version of the document's tariff, effective now when it does not say.

        Raises TariffRejected with all problems, KeyReused. A version that the document carries
        is not looked at.
        """
        request = Request(INSTALLATION, request_id, content_digest("put tariff", document))

        async def work(connection: Connection) -> Tariff:
            async def insert() -> dict[str, Any]:
                return (await _insert(connection, document)).to_document()

            response, _ = await once(connection, request, insert)
            return Tariff.from_document(response)

        return await transact(self._pool, work)

    async def list(self, name: str | None = None) -> Sequence[Tariff]:
        """The versions of one tariff, or of all, by name and version."""
        async with reading(self._pool) as connection:
            rows = await connection.fetch(SQL["list_tariffs"], name)
        return [Tariff.from_document(row["document"]) for row in rows]

    async def all(self) -> Sequence[Tariff]:
        """All versions, for a PriceList."""
        return await self.list()


async def _insert(connection: Connection, document: Mapping[str, Any]) -> Tariff:
    # What cannot be read at all does not reach Postgres, which cannot hold every text.
    Tariff.from_document(document, now=datetime.now(UTC))
    # Versions are numbered without gaps, and nobody else may take the next one.
    await connection.execute(SQL["lock_tariffs"])
    last = await connection.fetchrow(SQL["newest_version"], str(document.get("name")))
    assert last is not None, "the statement always gives a row"
    tariff = Tariff.from_document(document, version=(last["version"] or 0) + 1, now=last["now"])
    problems = _problems_after(last, tariff)
    if problems:
        raise TariffRejected(problems)
    await connection.execute(
        SQL["insert_tariff"],
        tariff.name,
        tariff.version,
        tariff.currency,
        tariff.effective_from,
        tariff.to_document(),
    )
    return tariff


def _problems_after(last: Row, tariff: Tariff) -> list[str]:
    if last["version"] is None:
        return []
    problems = []
    if tariff.currency != last["currency"]:
        problems.append(f"currency: must stay {last['currency']}, as in earlier versions")
    if tariff.effective_from < last["effective_from"]:
        problems.append("effective_from: must not be before that of the version before")
    return problems
