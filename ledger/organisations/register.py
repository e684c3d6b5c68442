"""Organisations in Postgres: created, read, changed, archived; one of a tenant's is the payer."""

import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, astuple
from datetime import UTC, datetime
from typing import Any

from ledger.errors import (
    OrganisationArchived,
    OrganisationIsDraft,
    OrganisationUnknown,
    UnknownTenant,
)
from ledger.organisations.organisation import Organisation, require_sound
from ledger.organisations.requisites import Requisites
from ledger.pool import Connection, Pool
from ledger.request import Request, content_digest, once
from ledger.sql import statements
from ledger.transaction import reading, transact

SQL = statements("organisations")


def _now() -> datetime:
    return datetime.now(UTC)


class Organisations:
    """Organisations of one tenant at a time; those of others are not found.

    A mutation that repeats its request id returns the first result, and raises KeyReused when
    its content differs. Every method raises LedgerUnavailable, and those that name an
    organisation OrganisationUnknown.
    """

    def __init__(self, pool: Pool, clock: Callable[[], datetime] = _now) -> None:
        self._pool = pool
        self._clock = clock

    async def create(
        self, request_id: str, tenant: str, requisites: Requisites, *, draft: bool = False
    ) -> Organisation:
        """Adds an organisation. Raises RequisitesRejected, UnknownTenant."""
        require_sound(requisites, draft=draft)
        digest = content_digest("create organisation", asdict(requisites), draft)

        async def insert(connection: Connection) -> Organisation:
            if await connection.fetchval(SQL["share_tenant"], tenant) is None:
                raise UnknownTenant("there is no such tenant")
            organisation_id = f"org-{secrets.token_hex(8)}"
            values = (organisation_id, tenant, *astuple(requisites), draft)
            await connection.execute(SQL["insert_organisation"], *values)
            return await _find(connection, "find_organisation", tenant, organisation_id)

        return await self._once(Request(tenant, request_id, digest), insert)

    async def check_new(self, tenant: str, requisites: Requisites, *, draft: bool) -> None:
        """What `create` would raise; nothing is added."""
        require_sound(requisites, draft=draft)
        async with reading(self._pool) as connection:
            if await connection.fetchval(SQL["share_tenant"], tenant) is None:
                raise UnknownTenant("there is no such tenant")

    async def get(self, tenant: str, organisation: str) -> Organisation:
        """Reads one organisation, archived or not."""
        async with reading(self._pool) as connection:
            return await _find(connection, "find_organisation", tenant, organisation)

    async def list(
        self, tenant: str, limit: int, after_n: int = 0, *, archived: bool = False
    ) -> Sequence[Organisation]:
        """At most `limit` by creation, after the one with `after_n`; archived ones if asked."""
        async with reading(self._pool) as connection:
            rows = await connection.fetch(
                SQL["list_organisations"], tenant, after_n, archived, limit
            )
        return [Organisation.from_row(dict(row)) for row in rows]

    async def update(
        self,
        request_id: str,
        tenant: str,
        organisation: str,
        requisites: Mapping[str, str],
        *,
        draft: bool | None = None,
    ) -> Organisation:
        """Changes some requisites, and whether it is a draft; None keeps that.

        Raises RequisitesRejected, OrganisationArchived.
        """
        digest = content_digest("update organisation", organisation, dict(requisites), draft)

        async def change(connection: Connection) -> Organisation:
            before = await _find(connection, "lock_organisation", tenant, organisation)
            require_current(before)
            after = before.changed(requisites, draft)
            values = (*astuple(after.requisites), after.draft, after.payer)
            await connection.execute(SQL["update_organisation"], tenant, organisation, *values)
            return after

        return await self._once(Request(tenant, request_id, digest), change)

    async def check_change(
        self,
        tenant: str,
        organisation: str,
        requisites: Mapping[str, str],
        *,
        draft: bool | None = None,
    ) -> Organisation:
        """The organisation as `update` would make it, and what it would raise; nothing changes."""
        before = await self.get(tenant, organisation)
        require_current(before)
        return before.changed(requisites, draft)

    async def archive(self, request_id: str, tenant: str, organisation: str) -> Organisation:
        """Takes it out of use for good; documents keep it. One that is archived stays as it is."""
        digest = content_digest("archive organisation", organisation)

        async def archive(connection: Connection) -> Organisation:
            await connection.execute(
                SQL["archive_organisation"], tenant, organisation, self._clock()
            )
            return await _find(connection, "find_organisation", tenant, organisation)

        return await self._once(Request(tenant, request_id, digest), archive)

    async def set_payer(self, request_id: str, tenant: str, organisation: str) -> Organisation:
        """Makes it the one that the tenant's acts are made out to, instead of another.

        Raises OrganisationArchived, OrganisationIsDraft.
        """
        digest = content_digest("set payer", organisation)

        async def choose(connection: Connection) -> Organisation:
            # Two that choose at once would both find no payer.
            await connection.fetchval(SQL["lock_tenant"], tenant)
            chosen = await _find(connection, "lock_organisation", tenant, organisation)
            require_usable(chosen)
            await connection.execute(SQL["drop_payer"], tenant)
            await connection.execute(SQL["set_payer"], tenant, organisation)
            return await _find(connection, "find_organisation", tenant, organisation)

        return await self._once(Request(tenant, request_id, digest), choose)

    async def _once(
        self, request: Request, do: Callable[[Connection], Awaitable[Organisation]]
    ) -> Organisation:
        async def work(connection: Connection) -> Organisation:
            async def answer() -> dict[str, Any]:
                return (await do(connection)).to_document()

            response, _ = await once(connection, request, answer)
            return Organisation.from_document(response)

        return await transact(self._pool, work)


def require_current(organisation: Organisation) -> None:
    """Raises OrganisationArchived."""
    if organisation.archived_at is not None:
        raise OrganisationArchived("the organisation is archived; create another")


def require_usable(organisation: Organisation) -> None:
    """What every document asks of its organisation. Raises OrganisationArchived and
    OrganisationIsDraft.
    """
    require_current(organisation)
    if organisation.draft:
        raise OrganisationIsDraft(organisation.faults())


async def share_usable(connection: Connection, tenant: str, organisation: str) -> Organisation:
    """An organisation that stays as it is until the transaction ends. Raises OrganisationUnknown,
    OrganisationArchived and OrganisationIsDraft.
    """
    found = await _find(connection, "share_organisation", tenant, organisation)
    require_usable(found)
    return found


async def _find(
    connection: Connection, statement: str, tenant: str, organisation: str
) -> Organisation:
    row = await connection.fetchrow(SQL[statement], tenant, organisation)
    if row is None:
        raise OrganisationUnknown("there is no such organisation")
    return Organisation.from_row(dict(row))
